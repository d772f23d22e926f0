//! Looks for `Content-Length` beside `Transfer-Encoding` in the head of a request.
//!
//! A proxy in front may go by the one and this server by the other, so that they disagree about
//! where the next request begins (RFC 9112 section 6.1). hyper removes `Content-Length` from such a
//! request and closes the connection after it, but does not tell. A head that arrives together with
//! the end of the request before it is not looked at.

use memchr::memchr;

const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";
const CONTENT_LENGTH: &[u8] = b"content-length:";

/// The state between two reads of one head.
#[derive(Default)]
pub struct HeadScan {
    /// The beginning of the current line.
    line: [u8; TRANSFER_ENCODING.len()],
    length: usize,
    has_begun: bool,
    has_transfer_encoding: bool,
    has_content_length: bool,
}

impl HeadScan {
    pub fn has_begun(&self) -> bool {
        self.has_begun || self.length > 0
    }

    /// Takes the next bytes. At the end of the head, whether it has both fields.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<bool> {
        while let Some(end) = memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if self.end_line() {
                let is_ambiguous = self.has_transfer_encoding && self.has_content_length;
                *self = Self::default();
                return Some(is_ambiguous);
            }
        }
        self.take(bytes);
        None
    }

    /// Keeps as much of a line as is compared.
    fn take(&mut self, part: &[u8]) {
        let room = &mut self.line[self.length..];
        let count = room.len().min(part.len());
        room[..count].copy_from_slice(&part[..count]);
        self.length += count;
    }

    /// Whether the line that ends is the empty one after the head.
    fn end_line(&mut self) -> bool {
        let line = &self.line[..self.length];
        let is_empty = line.is_empty() || line == b"\r";
        let starts_with =
            |name: &[u8]| line.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
        self.has_transfer_encoding |= starts_with(TRANSFER_ENCODING);
        self.has_content_length |= starts_with(CONTENT_LENGTH);
        self.length = 0;
        // Empty lines before a request are skipped (RFC 9112 section 2.2).
        let is_end = is_empty && self.has_begun;
        self.has_begun |= !is_empty;
        is_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const BOTH: &str =
        "\r\nPOST / HTTP/1.1\r\ncontent-LENGTH: 3\r\nHost: x\r\ntransfer-Encoding:chunked\r\n\r\n";

    #[test]
    fn a_head_with_both_fields_is_found_however_it_is_cut() {
        for (head, is_ambiguous) in [(PLAIN, false), (BOTH, true)] {
            for cut in 0..head.len() {
                let mut scan = HeadScan::default();
                let (first, rest) = head.as_bytes().split_at(cut);
                assert_eq!(scan.feed(first), None, "{head} {cut}");
                assert_eq!(scan.feed(rest), Some(is_ambiguous), "{head} {cut}");
            }
        }
    }

    #[test]
    fn each_head_is_judged_by_itself() {
        let mut scan = HeadScan::default();
        for (head, is_ambiguous) in [(BOTH, true), (PLAIN, false), (BOTH, true)] {
            assert_eq!(scan.feed(head.as_bytes()), Some(is_ambiguous));
        }
        let similar = "POST / HTTP/1.1\r\nX-Content-Length: 3\r\nTransfer-Encodings: x\r\n\r\n";
        assert_eq!(scan.feed(similar.as_bytes()), Some(false));
    }
}
