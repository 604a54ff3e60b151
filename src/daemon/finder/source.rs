//! Where a look-up asks: an overlay, for what lies there in the open or for what is sealed to us.

use std::{fmt, sync::Arc};

use super::unsealing::Unsealing;
use crate::identity::PublicKey;
use crate::overlay::{Overlay, OverlayError};
use crate::registration::{Packet, Refusal, Wanted};

/// One question to one overlay.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Source {
    overlay: Arc<dyn Overlay>,
    /// Whose sealed packets are asked for, and who opens them; None for those in the open.
    sealed: Option<(PublicKey, Arc<Unsealing>)>,
}

impl Source {
    /// The questions by which overlays may know of somebody. Only contacts may have sealed something to us.
    pub(in crate::daemon) fn all(
        overlays: &[Arc<dyn Overlay>],
        wanted: &Wanted,
        unsealing: Option<&Arc<Unsealing>>,
    ) -> Vec<Source> {
        let sealed = match (wanted, unsealing) {
            (Wanted::Contact(_, key), Some(unsealing)) => Some((*key, unsealing.clone())),
            _ => None,
        };
        let source =
            |overlay: &Arc<dyn Overlay>, sealed| Source { overlay: overlay.clone(), sealed };
        let open = overlays.iter().filter(|overlay| overlay.abilities().can_find(wanted));
        let carriers = overlays.iter().filter(|overlay| overlay.abilities().sealed);
        let sealed = sealed.iter().flat_map(|sealed| {
            carriers.clone().map(move |overlay| source(overlay, Some(sealed.clone())))
        });
        open.map(|overlay| source(overlay, None)).chain(sealed).collect()
    }

    /// The question to one overlay for what lies there in the open.
    pub(in crate::daemon) fn in_the_open(overlay: Arc<dyn Overlay>) -> Source {
        Source { overlay, sealed: None }
    }

    /// Whether sealed packets are asked for.
    pub(in crate::daemon) fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// The overlay.
    pub(in crate::daemon) fn overlay(&self) -> &Arc<dyn Overlay> {
        &self.overlay
    }

    /// Asks.
    ///
    /// # Errors
    /// When the overlay cannot be asked.
    pub(in crate::daemon) async fn find(
        &self,
        wanted: &Wanted,
    ) -> Result<Vec<Result<Packet, Refusal>>, OverlayError> {
        match &self.sealed {
            Some((key, unsealing)) => unsealing.find(&*self.overlay, *key).await,
            None => {
                let packets = self.overlay.find(wanted).await?;
                let read = |bytes: &Vec<u8>| Packet::decode(bytes).map_err(Refusal::Malformed);
                Ok(packets.iter().map(read).collect())
            }
        }
    }
}

impl fmt::Display for Source {
    /// The overlay as the configuration spells it, and whether sealed packets were asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = if self.sealed.is_some() { " (sealed)" } else { "" };
        write!(f, "{}{sealed}", self.overlay.address())
    }
}
