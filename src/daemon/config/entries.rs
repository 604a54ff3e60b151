//! The entries of a settings file: texts in quotes, lists of them, `true` and `false`, each told by its line where
//! it is wrong. What they mean is not here.

use std::collections::BTreeMap;

use nanoserde::{Toml, TomlParser};

/// What a file says.
pub(super) struct Entries<'a> {
    text: &'a str,
    entries: BTreeMap<String, Toml>,
}

impl<'a> Entries<'a> {
    /// Reads a file of which these are all keys.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub(super) fn parse(text: &'a str, keys: &[&str]) -> Result<Entries<'a>, String> {
        let entries = TomlParser::parse(text)
            .map_err(|error| format!("line {} is not TOML", error.line + 1))?;
        let entries = Entries { text, entries };
        if let Some(unknown) = entries.entries.keys().find(|key| !keys.contains(&key.as_str())) {
            let problem = format!("no such setting (there are {})", keys.join(", "));
            return Err(entries.at(unknown, problem));
        }
        if let Some(twice) = entries.entries.keys().find(|key| entries.lines(key).nth(1).is_some())
        {
            return Err(entries.at(twice, "it is set a second time below".into()));
        }
        if !ends_well(text) {
            return Err("the last list has no ] at its end".into());
        }
        Ok(entries)
    }

    /// A text, if there is one.
    ///
    /// # Errors
    /// When it is something else, or `read` does not take it.
    pub(super) fn single<T: Clone>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match self.list(key, read)?.as_deref() {
            None => Ok(None),
            Some([one]) => Ok(Some(one.clone())),
            Some(_) => Err(self.at(key, "one text in quotes is enough".into())),
        }
    }

    /// `true` or `false`, if either is there.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn yes_or_no(&self, key: &str) -> Result<Option<bool>, String> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Toml::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.at(key, "must be true or false".into())),
        }
    }

    /// A list that may be empty, to turn something off.
    ///
    /// # Errors
    /// As [`Entries::list`].
    pub(super) fn list_or_nothing<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, String> {
        match self.entries.get(key) {
            Some(Toml::SimpleArray(none)) if none.is_empty() => Ok(Some(Vec::new())),
            _ => self.list(key, read),
        }
    }

    /// A list of texts, or a single one.
    ///
    /// # Errors
    /// When it is something else, empty, or `read` does not take one of them.
    pub(super) fn list<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, String> {
        let wrong = |problem: &str| self.at(key, problem.to_owned());
        let texts: Vec<&str> = match self.entries.get(key) {
            None => return Ok(None),
            Some(Toml::Str(one)) => vec![one],
            Some(Toml::SimpleArray(many)) => many
                .iter()
                .map(|item| if let Toml::Str(text) = item { Some(text.as_str()) } else { None })
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("every item must be in quotes"))?,
            Some(_) => return Err(wrong("must be a text in quotes or a list of them")),
        };
        if texts.is_empty() {
            return Err(wrong("the list is empty"));
        }
        let read = |text: &&str| read(text).map_err(|problem| self.at(key, problem));
        texts.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A problem with an entry, and where it stands.
    pub(super) fn at(&self, key: &str, problem: String) -> String {
        match self.lines(key).next() {
            Some(line) => format!("line {line}: {key}: {problem}"),
            None => format!("{key}: {problem}"), // below a heading, or spelled in quotes
        }
    }

    /// The lines that set a key, the first of all being 1.
    fn lines(&self, key: &str) -> impl Iterator<Item = usize> {
        let sets = move |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let lines = self.text.lines().zip(1..);
        lines.filter(move |(line, _)| sets(line)).map(|(_, number)| number)
    }
}

/// nanoserde takes the end of the file for the end of a list. One more setting tells: an open list
/// swallows it.
fn ends_well(text: &str) -> bool {
    let extended = TomlParser::parse(&format!("{text}\nend = true"));
    extended.is_ok_and(|entries| entries.contains_key("end"))
}
