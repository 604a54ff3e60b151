//! Words for a key that was found and is not taken for the person's.

use std::time::Duration;

use super::Words;
use crate::identity::{Name, roughly};
use crate::trust::{Claimed, Contact, Decision};

pub(super) fn several_keys(name: &Name, claimed: &[Claimed]) -> Words {
    Words::new(
        format!("several keys claim to be {name}"),
        conflict(name, None, claimed),
        format!("ask {name} for the share link and run \"p2p open LINK\""),
    )
}

pub(super) fn another_key(name: &Name, known: &Contact, claimed: &[Claimed]) -> Words {
    Words::new(
        format!("another key answers for {name}"),
        format!(
            "{}; either the key was replaced or somebody else pretends to be {name}",
            conflict(name, Some(known), claimed)
        ),
        format!(
            "ask {name} over another channel which fingerprint is right; if the key was replaced, \
             run \"p2p contact remove {name}\", then \"p2p open LINK\" with the new share link"
        ),
    )
}

/// The reason of the decision, word for word.
fn conflict(name: &Name, known: Option<&Contact>, claimed: &[Claimed]) -> String {
    Decision::Conflict { known: known.cloned(), claimed: claimed.to_vec() }.reason(name)
}

pub(super) fn first_meeting(name: &Name, reason: &str) -> Words {
    Words::new(
        format!("you have not met {name} before"),
        reason,
        format!("run \"p2p contact add {name}\", or open the address in a browser"),
    )
}

pub(super) fn untrusted(name: &Name, reason: &str) -> Words {
    Words::new(
        format!("it is not certain that this is {name}"),
        reason,
        format!("ask {name} for the share link and run \"p2p open LINK\""),
    )
}

pub(super) fn clock_wrong(name: &Name, ahead: Duration) -> Words {
    Words::new(
        format!("the clock of {name} or of this machine is wrong"),
        format!("the registration packet comes from {} in the future", roughly(ahead)),
        "set the date and time of the machine that is wrong",
    )
}
