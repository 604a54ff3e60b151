//! The services of an identity: what answers at which of its ports.
//!
//! A service is a handler of HTTP requests with a lifetime. What the handler is (a folder, an
//! application on this machine) matters only to whoever registers it.

mod access_rules;
mod application;
mod registry;
mod upstream;

pub use access_rules::{AccessRules, AccessRulesError};
pub use application::Application;
pub use registry::{Access, Lease, Service, ServiceError, Services};
pub use upstream::{Upstream, UpstreamError};
