//! What the owner says about a folder, in `feed.txt` beside the files. Everything in it is optional:
//!
//! ```text
//! Alice's kitchen radio
//! author: Alice
//! category: Arts > Food
//! language: en-gb
//! explicit: false
//!
//! Recipes and the noise that comes with them,
//! every other Sunday.
//! ```
//!
//! The first line is the title; the lines with a known word and a colon right below it are settings; what
//! follows is the description.

use std::io::Read;

use crate::serve::folder::Folder;

use super::tags::clean;

/// The words that stand above a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The title; the name of the folder where nothing else is said.
    pub title: Box<str>,
    /// Who makes it.
    pub author: Option<Box<str>>,
    /// Apple's category and perhaps a category within it.
    pub category: (Box<str>, Option<Box<str>>),
    /// The language (RFC 5646).
    pub language: Box<str>,
    /// Whether children should rather not listen.
    pub explicit: bool,
    /// What it is about, in lines of plain text.
    pub description: Option<Box<str>>,
}

/// The file with the owner's words.
const FILE: &str = "feed.txt";
/// Octets of that file; a longer one is not read.
const MAX_FILE: u64 = 64 << 10;
/// Octets of one line.
const MAX_LINE: usize = 255;
/// Octets of the description that podcast directories take.
const MAX_DESCRIPTION: usize = 4000;

impl About {
    /// What is said about the folder.
    pub(super) fn read(folder: &Folder) -> About {
        let mut about = About::parse(&words(folder).unwrap_or_default());
        if about.title.is_empty() {
            let name = folder.name().to_string_lossy();
            about.title = clean(&name, MAX_LINE, false).unwrap_or_else(|| "Files".into());
        }
        about
    }

    fn parse(text: &str) -> About {
        let mut about = About::default();
        let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
        about.title = lines.next().and_then(line).unwrap_or_default();
        while let Some(setting) = lines.peek().and_then(|line| line.split_once(':'))
            && about.set(setting.0.trim(), setting.1)
        {
            lines.next();
        }
        let rest = lines.collect::<Vec<_>>().join("\n");
        about.description = clean(&rest, MAX_DESCRIPTION, true);
        about
    }

    /// Takes one setting; false when there is none of this name.
    fn set(&mut self, name: &str, value: &str) -> bool {
        let Some(value) = line(value) else { return false };
        match name.to_ascii_lowercase().as_str() {
            "author" => self.author = Some(value),
            "category" => {
                self.category = match value.split_once('>') {
                    Some((category, within)) => (category.trim().into(), line(within)),
                    None => (value, None),
                }
            }
            "explicit" => self.explicit = ["true", "yes"].contains(&&*value),
            "language" if value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
                self.language = value;
            }
            "language" => {}
            _ => return false,
        }
        true
    }
}

impl Default for About {
    fn default() -> About {
        About {
            title: "".into(),
            author: None,
            category: ("Society & Culture".into(), Some("Personal Journals".into())),
            language: "en".into(),
            explicit: false,
            description: None,
        }
    }
}

/// The file with the owner's words, if there is one.
fn words(folder: &Folder) -> Option<String> {
    let open = folder.file(FILE).ok().filter(|open| open.metadata.len() <= MAX_FILE)?;
    let mut text = Vec::new();
    open.file.take(MAX_FILE).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn line(text: &str) -> Option<Box<str>> {
    clean(text, MAX_LINE, false)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn reads_title_settings_and_description() {
        let about = About::parse(
            "\u{feff} Kitchen  \r\nAuthor: Alice\ncategory: Arts > Food\nlanguage: de\nexplicit: yes\n\n\
             One: two\nthree\n",
        );
        assert_eq!(&*about.title, "Kitchen");
        assert_eq!(about.author.as_deref(), Some("Alice"));
        assert_eq!(about.category, ("Arts".into(), Some("Food".into())));
        assert_eq!((&*about.language, about.explicit), ("de", true));
        assert_eq!(about.description.as_deref(), Some("One: two\nthree"));
    }

    #[test]
    fn takes_what_is_no_setting_for_description() {
        let about = About::parse("Kitchen\nToday: soup\nauthor: not one\n");
        assert_eq!(about.author, None);
        assert_eq!(about.description.as_deref(), Some("Today: soup\nauthor: not one"));
        assert_eq!(About::parse(""), About::default());
        assert_eq!(&*About::parse("x\nlanguage: <b>\n").language, "en");
    }

    #[test]
    fn a_folder_without_words_is_called_by_its_name() {
        let temp = tempfile::tempdir().unwrap();
        let name = temp.path().file_name().unwrap().to_str().unwrap().to_owned();
        let folder = Folder::open(temp.path()).unwrap();
        // the temporary name begins with a dot, which is nothing to hide here
        assert_eq!(*About::read(&folder).title, *name);
        fs::write(temp.path().join(FILE), "Kitchen").unwrap();
        assert_eq!(&*About::read(&folder).title, "Kitchen");
    }

    #[test]
    fn words_from_elsewhere_do_not_count() {
        let temp = tempfile::tempdir().unwrap();
        let (root, outside) = (temp.path().join("radio"), temp.path().join("secret"));
        fs::create_dir(&root).unwrap();
        fs::write(&outside, "secret").unwrap();
        symlink(&outside, root.join(FILE)).unwrap();
        let folder = Folder::open(&root).unwrap();
        assert_eq!(&*About::read(&folder).title, "radio");
        fs::remove_file(root.join(FILE)).unwrap();
        fs::write(root.join(FILE), "long\n".repeat(20_000)).unwrap();
        assert_eq!(&*About::read(&folder).title, "radio");
    }
}
