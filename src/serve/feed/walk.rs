//! The walk through a folder: every file that may be served, none that may not.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::serve::directory::{FileState, NameType};
use crate::serve::folder::{Folder, Node, Unavailable};

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 16;

/// Whether a walk has seen all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// It has.
    Whole,
    /// It was stopped, or there are more names than it was to look at.
    Part,
}

/// Gives `visit` each file that has a role by its name, with its path below the folder, until it breaks
/// off. Looks at `most` names at the most, those near the top first.
///
/// Left out are empty files, everything whose name begins with a dot, and symbolic links to folders.
/// Folders that cannot be read are passed over.
///
/// # Errors
/// When the folder itself cannot be read.
pub(super) fn walk<Role>(
    folder: &Folder,
    most: usize,
    role: impl Fn(&Path) -> Option<Role>,
    mut visit: impl FnMut(PathBuf, FileState, Role) -> ControlFlow<()>,
) -> Result<Extent, Unavailable> {
    let mut looked_at = 0;
    let mut todo = VecDeque::from([PathBuf::new()]);
    while let Some(place) = todo.pop_front() {
        let directory = match folder.find(&place) {
            Ok(Node::Directory(directory)) => directory,
            Err(error) if place.as_os_str().is_empty() => return Err(error),
            _ => continue,
        };
        let names = match directory.names() {
            Ok(names) => names,
            Err(error) if place.as_os_str().is_empty() => return Err(error.into()),
            Err(_) => continue,
        };
        let deep = place.components().count() >= MAX_DEPTH;
        for (name, name_type) in names {
            looked_at += 1;
            if looked_at > most {
                return Ok(Extent::Part);
            }
            let path = place.join(&name);
            if name_type == NameType::Folder {
                todo.extend((!deep).then_some(path));
                continue;
            }
            let Some(role) = role(&path) else { continue };
            let state = match name_type {
                NameType::Link => folder.file(&path).ok().map(|open| FileState::of(&open.metadata)),
                _ => directory.state(&name),
            };
            if let Some(state) = state.filter(|state| state.size > 0)
                && visit(path, state, role).is_break()
            {
                return Ok(Extent::Part);
            }
        }
    }
    Ok(Extent::Whole)
}
