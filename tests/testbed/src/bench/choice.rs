//! Which of its parts a bench is to measure: words in a variable of the environment.
//!
//! A word that the bench does not know ends it with one line. Leaving it out would measure less than was asked for, and
//! perhaps nothing, which looks like a result.

use std::{env, fmt, process::ExitCode};

/// Parts of a bench, by their words.
pub struct Choice<T> {
    variable: &'static str,
    between: char,
    parts: Vec<(String, T)>,
}

/// A word in the environment that a bench cannot follow.
#[derive(Debug, PartialEq, Eq)]
pub enum WrongWord {
    /// It names no part.
    NoPart {
        /// The variable.
        variable: &'static str,
        /// The word.
        word: String,
        /// All words that there are, as the variable would have them.
        words: String,
    },
    /// It is to be a number.
    NoNumber {
        /// The variable.
        variable: &'static str,
        /// The word.
        word: String,
    },
}

impl<T> Choice<T> {
    /// A choice among all parts, with commas between their words.
    pub fn of<W: ToString>(
        variable: &'static str,
        all: impl IntoIterator<Item = T>,
        word: impl Fn(&T) -> W,
    ) -> Choice<T> {
        let parts = all.into_iter().map(|part| (word(&part).to_string(), part)).collect();
        Choice { variable, between: ',', parts }
    }

    /// The same with another character between the words, for words that have commas in them.
    pub fn between(self, between: char) -> Choice<T> {
        Choice { between, ..self }
    }

    /// The parts that the environment names, in the order of the bench; all where it names none.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn made(self) -> Result<Vec<T>, WrongWord> {
        let words = value(self.variable);
        self.by(&words)
    }

    fn by(self, words: &str) -> Result<Vec<T>, WrongWord> {
        let Choice { variable, between, parts } = self;
        let words: Vec<&str> = split(words, between).collect();
        let is_known = |word: &&&str| parts.iter().any(|(known, _)| known == *word);
        if let Some(word) = words.iter().find(|word| !is_known(word)) {
            let known: Vec<&str> = parts.iter().map(|(word, _)| word.as_str()).collect();
            let words = known.join(&between.to_string());
            return Err(WrongWord::NoPart { variable, word: (*word).to_owned(), words });
        }
        let is_chosen = |word: &String| words.is_empty() || words.contains(&word.as_str());
        Ok(parts.into_iter().filter(|(word, _)| is_chosen(word)).map(|(_, part)| part).collect())
    }
}

/// The numbers in a variable, with commas between; None where there are none.
///
/// # Errors
/// When a word in it is none.
pub fn numbers(variable: &'static str) -> Result<Option<Vec<usize>>, WrongWord> {
    numbers_in(variable, &value(variable))
}

fn numbers_in(variable: &'static str, words: &str) -> Result<Option<Vec<usize>>, WrongWord> {
    let number = |word: &str| {
        word.parse().map_err(|_| WrongWord::NoNumber { variable, word: word.to_owned() })
    };
    let numbers: Vec<usize> = split(words, ',').map(number).collect::<Result<_, _>>()?;
    Ok(Some(numbers).filter(|numbers| !numbers.is_empty()))
}

/// How a bench ends that could not measure what it was asked for, or did.
pub fn end(measured: Result<(), WrongWord>) -> ExitCode {
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

fn value(variable: &str) -> String {
    env::var_os(variable).unwrap_or_default().to_string_lossy().into_owned()
}

fn split(words: &str, between: char) -> impl Iterator<Item = &str> {
    words.split(between).map(str::trim).filter(|word| !word.is_empty())
}

impl fmt::Display for WrongWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WrongWord::NoPart { variable, word, words } => {
                write!(f, "{variable}: there is no \"{word}\"; the words are: {words}")
            }
            WrongWord::NoNumber { variable, word } => {
                write!(f, "{variable}: \"{word}\" is no number")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(words: &str) -> Result<Vec<u8>, String> {
        let word = |part: &u8| ["none", "1", "bursts"][usize::from(*part)];
        let choice = Choice::of("P2P_BENCH_ONLY", 0..3, word);
        choice.by(words).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn some_of_the_parts_are_chosen_or_all() {
        assert_eq!(choose(""), Ok(vec![0, 1, 2]));
        assert_eq!(choose("bursts,none"), Ok(vec![0, 2]));
        let homes = Choice::of("P2P_BENCH_BOB", ["a,b", "c"], |word| *word).between(' ');
        assert_eq!(homes.by("a,b"), Ok(vec!["a,b"]));
    }

    #[test]
    fn a_word_that_nobody_knows_is_told_with_those_that_there_are() {
        let told = "P2P_BENCH_ONLY: there is no \"burst\"; the words are: none,1,bursts";
        assert_eq!(choose("burst"), Err(told.into()));
        assert_eq!(choose("1,burst"), Err(told.into()), "also beside one that is known");
    }

    #[test]
    fn numbers_are_numbers() {
        let numbers = |words| numbers_in("P2P_BENCH_GROWTH", words);
        assert_eq!(numbers(""), Ok(None));
        assert_eq!(numbers("16000, 1000000"), Ok(Some(vec![16_000, 1_000_000])));
        let wrong = numbers("16000,1M").map_err(|wrong| wrong.to_string());
        assert_eq!(wrong, Err("P2P_BENCH_GROWTH: \"1M\" is no number".into()));
    }
}
