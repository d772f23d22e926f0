//! The table: a line for each row, printed as soon as it is measured.

use std::cell::Cell;

/// What a row says of one program: a figure for each round.
#[derive(Default)]
pub struct Figures {
    pub values: Vec<f64>,
    /// Microseconds of processor time for each request. Empty where that has no meaning.
    pub micros: Vec<f64>,
}

impl Figures {
    pub fn of<T>(turns: &[T], value: impl Fn(&T) -> f64) -> Self {
        Self { values: turns.iter().map(value).collect(), micros: Vec::new() }
    }
}

pub struct Table {
    only: String,
    has_heading: Cell<bool>,
}

impl Table {
    /// A table of the rows whose name contains `only`.
    pub fn new(only: String) -> Self {
        Self { only, has_heading: Cell::new(false) }
    }

    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    /// Whether a row was printed.
    pub fn has_rows(&self) -> bool {
        self.has_heading.get()
    }

    /// Prints a row, if it is wanted: of the new program, and of the old one where there is one.
    pub fn row(&self, name: &str, unit: &str, old: Option<&Figures>, new: &Figures) {
        if !self.wants(name) {
            return;
        }
        if !self.has_heading.replace(true) {
            print(["", "", "old", "", "new", "", "new/old", "us old", "us new", "new/old"]);
        }
        let nothing = Figures::default();
        let old = old.unwrap_or(&nothing);
        let median_of = |figures: &[f64]| median(figures).map_or("-".to_owned(), number);
        let ratio_of = |a: &[f64], b: &[f64]| ratio(a, b).unwrap_or("-".to_owned());
        print([
            name,
            unit,
            &median_of(&old.values),
            &spread(&old.values),
            &median_of(&new.values),
            &spread(&new.values),
            &ratio_of(&old.values, &new.values),
            &median_of(&old.micros),
            &median_of(&new.micros),
            &ratio_of(&old.micros, &new.micros),
        ]);
    }

    /// Prints how the second compares to the first, in the columns of ratios.
    pub fn ratio(&self, name: &str, first: &Figures, second: &Figures) {
        if self.wants(name) {
            let values = ratio(&first.values, &second.values).unwrap_or_default();
            let micros = ratio(&first.micros, &second.micros).unwrap_or_default();
            print([name, "", "", "", "", "", &values, "", "", &micros]);
        }
    }
}

fn print(cells: [&str; 10]) {
    let [name, unit, old, old_spread, new, new_spread, ratio, us_old, us_new, us_ratio] = cells;
    let line = format!(
        "{name:46} {unit:3} {old:>7} {old_spread:<16} {new:>7} {new_spread:<16} {ratio:>7} \
         {us_old:>7} {us_new:>7} {us_ratio:>7}"
    );
    println!("{}", line.trim_end());
}

/// The median of the ratios of each round: what disturbs the machine for longer than a round
/// disturbs both programs.
fn ratio(first: &[f64], second: &[f64]) -> Option<String> {
    let ratios: Vec<f64> = first.iter().zip(second).map(|(first, second)| second / first).collect();
    median(&ratios).map(|ratio| format!("{ratio:.2}"))
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut figures = figures.to_owned();
    figures.sort_by(f64::total_cmp);
    figures
}

fn median(figures: &[f64]) -> Option<f64> {
    let (figures, middle) = (sorted(figures), figures.len() / 2);
    let upper = *figures.get(middle)?;
    let has_two = figures.len().is_multiple_of(2);
    Some(if has_two { f64::midpoint(figures[middle - 1], upper) } else { upper })
}

fn spread(figures: &[f64]) -> String {
    match sorted(figures).as_slice() {
        [least, .., most] => format!("{}..{}", number(*least), number(*most)),
        _ => String::new(),
    }
}

/// Three digits, or all before the point.
fn number(figure: f64) -> String {
    let decimals = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}
