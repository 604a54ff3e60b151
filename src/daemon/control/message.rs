//! What goes over the control interface: the bodies of requests and answers, in JSON.

use nanoserde::{DeJson, SerJson};

/// The body of `PUT /api/services/PORT`.
#[derive(Debug, Clone, Default, SerJson, DeJson)]
pub struct PutService {
    /// An application's address.
    pub url: Option<String>,
    /// Or a folder's path.
    pub folder: Option<String>,
    /// Who may use it, with commas between: `public`, `contacts`, names, `*@DOMAIN`, `authority:NAME`. If left
    /// out, whom `p2p allow` named last for the port, else everybody.
    pub allow: Option<String>,
    /// Whether pages of other sites may send unsafe requests in a visitor's name; false if left out.
    pub cross_site: Option<bool>,
    /// Whether what `p2p allow` has said of the port since counts more than `allow`: for who registers again
    /// what was there already. False if left out.
    pub again: Option<bool>,
    /// Seconds until it is gone unless renewed; for ever if left out.
    pub ttl: Option<u64>,
    /// The registration that this renews.
    pub lease: Option<u64>,
    /// Whether another service at this port may be replaced; true if left out.
    pub replace: Option<bool>,
}

/// The answer to a registration.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Registered {
    /// To be given when it is renewed.
    pub lease: u64,
    /// What serves.
    pub target: String,
    /// Under which name.
    pub name: String,
    /// Whether the name was made just for this.
    pub fresh_name: bool,
    /// Who may use it.
    pub allow: String,
}

/// The body of `PUT /api/proxy`, and of its answer.
#[derive(Debug, Clone, Default, SerJson, DeJson)]
pub struct PutProxy {
    /// Addresses to listen at; in the answer, those where it is open.
    #[nserde(default)]
    pub listen: Vec<String>,
    /// Seconds until it may be closed unless renewed; for ever if left out.
    pub ttl: Option<u64>,
    /// The hold that this renews; in the answer, the one that was taken.
    pub hold: Option<u64>,
}

/// The body of every error.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Problem {
    /// One line: what, to what, why.
    pub error: String,
}
