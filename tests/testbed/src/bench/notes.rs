//! What runs have found, kept in a file: a long series may be measured in parts, also several at once, and be printed
//! as one table.
//!
//! `P2P_BENCH_NOTES` names the file. What stands in it is not measured again; without it nothing is kept.

use std::{env, fs, fs::OpenOptions, io::Write, path::PathBuf};

/// The file, if there is one.
pub struct Notes(Option<PathBuf>);

impl Notes {
    /// As the environment says.
    pub fn open() -> Notes {
        Notes(env::var_os("P2P_BENCH_NOTES").map(PathBuf::from))
    }

    /// What stands in the file for `key`, or else what is found out now, failures included.
    ///
    /// # Errors
    /// What `measure` gave, now or when it was run.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn recall_or(
        &self,
        key: &str,
        measure: impl FnOnce() -> Result<String, String>,
    ) -> Result<String, String> {
        if let Some(known) = self.recall(key) {
            return known;
        }
        let found = measure();
        if let Some(path) = &self.0 {
            let (word, text) = match &found {
                Ok(text) => ("found", text),
                Err(reason) => ("failed", reason),
            };
            let line = format!("{key}\t{word}\t{}\n", text.replace('\n', " "));
            let file = OpenOptions::new().create(true).append(true).open(path);
            // one write for each line, because others may write too
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("notes can be kept");
        }
        found
    }

    fn recall(&self, key: &str) -> Option<Result<String, String>> {
        let text = fs::read_to_string(self.0.as_ref()?).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('\t'))?;
        match line.split_once('\t')? {
            ("found", text) => Some(Ok(text.into())),
            (_, reason) => Some(Err(reason.into())),
        }
    }
}
