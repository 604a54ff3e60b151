//! The one table, and the statistics in it.

use std::fmt;

/// Values of one figure, round by round.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which this share of all values lies.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// Round by round, how this compares with another.
    pub fn over(&self, other: &Series) -> Series {
        self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect()
    }

    /// Round by round, how much this is more than another.
    pub fn minus(&self, other: &Series) -> Series {
        self.0.iter().zip(&other.0).map(|(own, other)| own - other).collect()
    }

    /// Median and range.
    pub fn range(&self) -> String {
        let (low, high) = (self.quantile(0.0), self.quantile(1.0));
        format!("{} [{}-{}]", number(self.median()), number(low), number(high))
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Series {
        Series(values.into_iter().collect())
    }
}

/// Rows under headings.
#[derive(Debug, Default)]
pub struct Table(Vec<Line>);

#[derive(Debug)]
enum Line {
    Heading(String),
    Row([String; 5]),
}

const TITLES: [&str; 5] = ["", "p2p", "reference", "ratio", "goal"];

impl Table {
    pub fn heading(&mut self, text: impl Into<String>) {
        self.0.push(Line::Heading(text.into()));
    }

    /// What was measured, its value, the value it is compared with, their ratio, and the goal.
    pub fn row(&mut self, what: &str, own: String, other: String, ratio: &str, goal: &str) {
        self.0.push(Line::Row([what.into(), own, other, ratio.into(), goal.into()]));
    }

    /// Two series side by side; gives the median of their ratios.
    pub fn compare(&mut self, what: &str, own: &Series, other: &Series, goal: Goal) {
        let ratio = own.over(other).median();
        let goal = match goal {
            Goal::None => String::new(),
            Goal::RatioAtLeast(least) => verdict(format!(">= {least}"), ratio >= least),
        };
        self.row(what, own.range(), other.range(), &number(ratio), &goal);
    }

    /// Rows that something missing has cost.
    pub fn skipped(&mut self, what: &str, needs: &str) {
        self.row(what, format!("skipped: needs {needs}"), String::new(), "", "");
    }
}

/// What a comparison should reach.
pub enum Goal {
    None,
    RatioAtLeast(f64),
}

/// A goal and whether it is reached.
pub fn verdict(goal: String, reached: bool) -> String {
    format!("{goal}: {}", if reached { "yes" } else { "NO" })
}

/// Three digits, which is more than any of it is worth.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = TITLES.map(str::len);
        for line in &self.0 {
            if let Line::Row(cells) = line {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(cell.chars().count());
                }
            }
        }
        let row = |cells: [&str; 5]| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        writeln!(f, "{}", row(TITLES))?;
        for line in &self.0 {
            match line {
                Line::Heading(text) => writeln!(f, "{text}")?,
                Line::Row(cells) => writeln!(f, "{}", row(cells.each_ref().map(String::as_str)))?,
            }
        }
        Ok(())
    }
}
