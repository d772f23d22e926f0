//! A disk that loses power: what may be left of the files of a folder, by what `shim.c` has recorded.
//!
//! What was written counts as kept once a sync of the file that began afterwards has ended. A name
//! counts as kept once the folder was synced; until then names are kept in their order, as file systems
//! with a journal do. Of the rest, any sector may be lost, or torn within what was written: as SQLite
//! does, this takes for granted that a write does not damage the bytes beside it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::random::Random;

const SECTOR: usize = 512;
/// Kind and result, inode, place, length.
const HEADER: usize = 32;

/// One record of a trace.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub event: Event<'a>,
    /// Where it ends in the trace.
    pub end: usize,
}

#[derive(Clone, Copy)]
pub enum Event<'a> {
    Opened { inode: u64, is_truncated: bool, name: &'a str },
    Written { inode: u64, at: usize, bytes: &'a [u8] },
    Truncated { inode: u64, size: usize },
    SyncBegins { inode: u64 },
    Synced { inode: u64 },
    Renamed { from: &'a str, to: &'a str },
    Unlinked { name: &'a str },
    Linked { from: &'a str, to: &'a str },
}

/// The records of a trace; half of one at its end, where the service was killed, is left out.
pub fn records(trace: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let mut start = 0;
    while let Some(header) = trace.get(start..start + HEADER) {
        let word = |at| u64::from_ne_bytes(header[at..at + 8].try_into().expect("8 bytes"));
        let number = |at| usize::try_from(word(at)).expect("64 bits");
        let end = start + HEADER + number(24);
        let Some(bytes) = trace.get(start + HEADER..end) else { break };
        let text = || std::str::from_utf8(bytes).expect("a name");
        let names = || text().split_once('\n').expect("two names");
        let inode = word(8);
        let event = match u32::from_ne_bytes(header[..4].try_into().expect("4 bytes")) {
            1 => {
                let is_truncated = number(16) & 0o1000 != 0;
                Event::Opened { inode, is_truncated, name: text() }
            }
            2 => Event::Written { inode, at: number(16), bytes },
            3 => Event::Truncated { inode, size: number(16) },
            4 => Event::SyncBegins { inode },
            5 => Event::Synced { inode },
            6 => Event::Renamed { from: names().0, to: names().1 },
            7 => Event::Unlinked { name: names().0 },
            8 => Event::Linked { from: names().0, to: names().1 },
            kind => panic!("a record of kind {kind}"),
        };
        records.push(Record { event, end });
        start = end;
    }
    records
}

#[derive(Clone, Copy)]
enum Change<'a> {
    Write { at: usize, bytes: &'a [u8] },
    Truncate { size: usize },
}

#[derive(Clone, Default)]
struct Content<'a> {
    kept: Vec<u8>,
    pending: Vec<Change<'a>>,
    /// For each sync that goes on: how many of `pending` it covers.
    syncs: VecDeque<usize>,
}

/// A change of the folder: the name, and its file from now on.
type Naming = (String, Option<usize>);

#[derive(Clone)]
pub struct Disk<'a> {
    files: Vec<Content<'a>>,
    by_inode: HashMap<u64, usize>,
    folder: u64,
    /// As the service sees them.
    names: BTreeMap<String, usize>,
    kept_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    name_syncs: VecDeque<usize>,
}

/// How much of what is not kept survives.
#[derive(Clone, Copy)]
enum Fate {
    Nothing,
    Everything,
    SomeWrites,
    SomeSectors,
    TornSectors,
}

const FATES: [Fate; 5] =
    [Fate::Nothing, Fate::Everything, Fate::SomeWrites, Fate::SomeSectors, Fate::TornSectors];

impl<'a> Disk<'a> {
    /// A folder that is on disk as it is now.
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self {
            files: Vec::new(),
            by_inode: HashMap::new(),
            folder: folder.metadata().unwrap().ino(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            pending_names: Vec::new(),
            name_syncs: VecDeque::new(),
        };
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            disk.by_inode.insert(file.metadata().unwrap().ino(), disk.files.len());
            disk.names.insert(file.file_name().into_string().unwrap(), disk.files.len());
            let kept = std::fs::read(file.path()).unwrap();
            disk.files.push(Content { kept, ..Content::default() });
        }
        disk.kept_names = disk.names.clone();
        disk
    }

    /// The file of a name, as the service sees it.
    pub fn inode(&self, name: &str) -> Option<u64> {
        let file = *self.names.get(name)?;
        self.by_inode.iter().find(|(_, known)| **known == file).map(|(inode, _)| *inode)
    }

    pub fn apply(&mut self, event: &Event<'a>) {
        match *event {
            Event::Opened { inode, is_truncated, name } => self.open(inode, is_truncated, name),
            Event::Written { inode, at, bytes } => self.change(inode, Change::Write { at, bytes }),
            Event::Truncated { inode, size } => self.change(inode, Change::Truncate { size }),
            Event::SyncBegins { inode } if inode == self.folder => {
                self.name_syncs.push_back(self.pending_names.len());
            }
            Event::Synced { inode } if inode == self.folder => self.sync_names(),
            Event::SyncBegins { inode } => {
                let file = &mut self.files[self.by_inode[&inode]];
                file.syncs.push_back(file.pending.len());
            }
            Event::Synced { inode } => self.files[self.by_inode[&inode]].sync(),
            Event::Renamed { from, to } => {
                let file = self.names[from];
                self.name(to, Some(file));
                self.name(from, None);
            }
            Event::Unlinked { name } => self.name(name, None),
            Event::Linked { from, to } => self.name(to, Some(self.names[from])),
        }
    }

    fn open(&mut self, inode: u64, is_truncated: bool, name: &str) {
        if inode == self.folder {
            return;
        }
        let known = self.by_inode.get(&inode).copied();
        let renamed = known.filter(|file| self.names.values().any(|named| named == file));
        if !self.names.contains_key(name) {
            // Some renames are system calls that the shim does not see.
            let file = renamed.unwrap_or(self.files.len());
            if renamed.is_none() {
                self.by_inode.insert(inode, file);
                self.files.push(Content::default());
            }
            self.name(name, Some(file));
        } else if is_truncated {
            self.change(inode, Change::Truncate { size: 0 });
        }
    }

    fn change(&mut self, inode: u64, change: Change<'a>) {
        self.files[self.by_inode[&inode]].pending.push(change);
    }

    fn name(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(name.to_owned(), file),
            None => self.names.remove(name),
        };
        self.pending_names.push((name.to_owned(), file));
    }

    fn sync_names(&mut self) {
        let covered = self.name_syncs.pop_front().expect("a sync that began");
        apply_names(&mut self.kept_names, self.pending_names.drain(..covered));
        self.name_syncs.iter_mut().for_each(|count| *count -= covered);
    }

    /// Puts into a folder what the disk may hold if the power goes now.
    pub fn cut_power(&self, random: &mut Random, folder: &Path) {
        let mut names = self.kept_names.clone();
        let renamed = random.below(self.pending_names.len() + 1);
        apply_names(&mut names, self.pending_names[..renamed].iter().cloned());
        for (name, file) in names {
            let fate = random.pick(&FATES);
            let mut private = File::options();
            let mut created =
                private.write(true).create_new(true).mode(0o600).open(folder.join(name)).unwrap();
            created.write_all(&self.files[file].after(fate, random)).unwrap();
        }
    }
}

fn apply_names(names: &mut BTreeMap<String, usize>, changes: impl IntoIterator<Item = Naming>) {
    for (name, file) in changes {
        match file {
            Some(file) => names.insert(name, file),
            None => names.remove(&name),
        };
    }
}

impl Content<'_> {
    fn sync(&mut self) {
        let covered = self.syncs.pop_front().expect("a sync that began");
        for change in self.pending.drain(..covered) {
            apply(&mut self.kept, change);
        }
        self.syncs.iter_mut().for_each(|count| *count -= covered);
    }

    fn after(&self, fate: Fate, random: &mut Random) -> Vec<u8> {
        let mut content = self.kept.clone();
        for change in &self.pending {
            match (fate, *change) {
                (Fate::Nothing, _) => {}
                (Fate::Everything, change) => apply(&mut content, change),
                (Fate::SomeSectors | Fate::TornSectors, Change::Write { at, bytes }) => {
                    let is_torn = matches!(fate, Fate::TornSectors);
                    apply_sectors(&mut content, at, bytes, is_torn, random);
                }
                (_, change) if random.below(2) == 0 => apply(&mut content, change),
                _ => {}
            }
        }
        content
    }
}

/// Writes some of the sectors, of which a torn one has other bytes from its middle on.
fn apply_sectors(
    content: &mut Vec<u8>,
    at: usize,
    bytes: &[u8],
    is_torn: bool,
    random: &mut Random,
) {
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes.len().min((at + start) / SECTOR * SECTOR + SECTOR - at);
        let mut sector = bytes[start..end].to_vec();
        if is_torn && random.below(4) == 0 {
            let middle = sector.len() / 2;
            sector[middle..].fill_with(|| random.below(256).to_le_bytes()[0]);
        }
        if random.below(2) == 0 {
            apply(content, Change::Write { at: at + start, bytes: &sector });
        }
        start = end;
    }
}

fn apply(content: &mut Vec<u8>, change: Change) {
    match change {
        Change::Write { at, bytes } => {
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate { size } => content.resize(size, 0),
    }
}
