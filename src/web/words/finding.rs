//! Words for a person who was not found.

use std::time::Duration;

use super::{Words, listed};
use crate::identity::{Name, roughly};

pub(super) fn name_unknown(name: &Name) -> Words {
    Words::new(
        format!("nobody is known as {name}"),
        "no contact has this name and no overlay holds a registration packet for it",
        "check the spelling, or ask for the share link and run \"p2p open LINK\"",
    )
}

pub(super) fn label_unknown() -> Words {
    Words::new(
        "this short address is not known here",
        "the address holds a hash instead of a long name, and this daemon has not met that name yet",
        "open the long address once, for instance with \"p2p open\"",
    )
}

pub(super) fn overlays_failed(name: &Name, tried: &[String]) -> Words {
    Words::new(
        format!("the search for {name} failed"),
        format!("no overlay gave an answer that can be used{}", listed(tried)),
        format!("check that this machine is online, then run \"p2p lookup {name}\""),
    )
}

pub(super) fn look_up_timed_out(name: &Name, tried: &[String]) -> Words {
    Words::new(
        format!("the search for {name} took too long"),
        format!("the overlays did not answer in time{}", listed(tried)),
        format!("try again, or run \"p2p lookup {name}\" to see which is slow"),
    )
}

pub(super) fn offline(name: &Name, ended: Option<Duration>) -> Words {
    Words::new(
        format!("{name} is offline"),
        match ended {
            Some(ago) => format!(
                "the registration packet ended {} ago and was not renewed, unless the clock of one \
                 of the two machines is wrong",
                roughly(ago)
            ),
            None => "no overlay holds a registration packet for this person now".into(),
        },
        "try again when p2p runs on the other machine",
    )
}
