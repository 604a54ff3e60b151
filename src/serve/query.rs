//! What the query of a target may ask of a folder or a file. Anything else in it is ignored.

use std::fmt;

/// A query, read leniently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// `zip`: the folder as an archive.
    pub(super) zip: bool,
    /// `json`: the listing for programs.
    pub(super) json: bool,
    /// `thumb`: a small version of a picture.
    pub(super) thumb: bool,
    /// `cover`: the picture inside of a file.
    pub(super) cover: bool,
    /// `sort=name|size|time`.
    pub(super) key: Key,
    /// `order=asc|desc`.
    pub(super) direction: Option<Direction>,
    /// `page=N`, from 1; the first where it is no such number.
    pub(super) page: usize,
}

/// What entries are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    #[default]
    Name,
    Size,
    Time,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Query {
    /// Reads what is known and skips the rest.
    pub(super) fn parse(query: &str) -> Query {
        let mut known = Query::default();
        for field in query.split('&') {
            match field.split_once('=').unwrap_or((field, "")) {
                ("zip", _) => known.zip = true,
                ("json", _) => known.json = true,
                ("thumb", _) => known.thumb = true,
                ("cover", _) => known.cover = true,
                ("sort", "name") => known.key = Key::Name,
                ("sort", "size") => known.key = Key::Size,
                ("sort", "time") => known.key = Key::Time,
                ("order", "asc") => known.direction = Some(Direction::Ascending),
                ("order", "desc") => known.direction = Some(Direction::Descending),
                ("page", number) => known.page = number.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        known
    }

    /// The order that is asked for, else the natural one of the key.
    pub(super) fn direction(&self) -> Direction {
        self.direction.unwrap_or(self.key.natural_direction())
    }
}

impl Key {
    /// What people mostly look for: the first name, the largest file, the latest change.
    pub(super) fn natural_direction(self) -> Direction {
        match self {
            Key::Name => Direction::Ascending,
            Key::Size | Key::Time => Direction::Descending,
        }
    }
}

impl Direction {
    pub(super) fn reverse(self) -> Direction {
        match self {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        }
    }
}

impl Default for Query {
    /// An empty query.
    fn default() -> Query {
        Query {
            zip: false,
            json: false,
            thumb: false,
            cover: false,
            key: Key::Name,
            direction: None,
            page: 1,
        }
    }
}

impl fmt::Display for Key {
    /// As queries have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Key::Name => "name",
            Key::Size => "size",
            Key::Time => "time",
        })
    }
}

impl fmt::Display for Direction {
    /// As queries have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_queries_leniently() {
        let query = Query::parse("sort=size&order=asc&page=3&json&x=y");
        assert_eq!((query.key, query.direction()), (Key::Size, Direction::Ascending));
        assert_eq!(query.page, 3);
        assert!(query.json && !query.zip && !query.thumb && !query.cover);
        assert!(Query::parse("thumb").thumb && Query::parse("cover=1").cover);
        for odd in ["", "page=0", "page=-1", "page=x", "sort=evil", "order=", "&&=&"] {
            assert_eq!(Query::parse(odd), Query::default(), "{odd}");
        }
        assert_eq!(Query::parse("sort=time").direction(), Direction::Descending);
        assert_eq!(Query::parse("page=99999999999999999999").page, 1);
    }
}
