//! Addresses in responses, put into the form that the client uses; and back into it, where a link left it.

use hyper::{
    HeaderMap, Uri,
    header::{CONTENT_LOCATION, HeaderValue, LOCATION, REFERER},
};

use crate::identity::{AccessForm, Destination};

use super::target::Access;

/// Rewrites `Location` and `Content-Location` where a client of this form could not follow them:
/// addresses in proxy form, and in the path form those that begin with a slash.
pub(super) fn rewrite(headers: &mut HeaderMap, access: &Access) {
    if access.form == AccessForm::Proxy {
        return;
    }
    for name in [LOCATION, CONTENT_LOCATION] {
        if let Some(value) = headers.get_mut(name)
            && let Some(followable) = value.to_str().ok().and_then(|to| followable(to, access))
            && let Ok(followable) = HeaderValue::try_from(followable)
        {
            *value = followable;
        }
    }
}

/// None when `to` can be followed as it is.
fn followable(to: &str, access: &Access) -> Option<String> {
    let absolute = to.strip_prefix("http://").or_else(|| to.strip_prefix("//"));
    if let Some(rest) = absolute {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let destination = Destination::from_proxy_host(host).ok()??;
        let slash = if path.starts_with('/') { "" } else { "/" };
        return Some(destination.url(access.form, &access.authority, &format!("{slash}{path}")));
    }
    if access.form != AccessForm::Path || !to.starts_with('/') {
        return None;
    }
    let prefix = access.prefix();
    let has_it = to
        .strip_prefix(&prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    (!has_it).then(|| format!("{prefix}{to}"))
}

/// Where a link that left the path form was meant to lead: the request is for a path on the daemon's
/// plain host, and the page with the link, on the same host, is a peer's.
pub(super) fn rescue(uri: &Uri, headers: &HeaderMap, authority: &str) -> Option<String> {
    let referer = headers.get(REFERER)?.to_str().ok()?;
    let path = referer.strip_prefix("http://")?.strip_prefix(authority)?;
    let path = path.split(['?', '#']).next()?;
    let (destination, _) = Destination::from_path(path).ok()??;
    let lost = uri.path_and_query()?.as_str();
    Some(format!("{}{lost}", destination.path_prefix()))
}
