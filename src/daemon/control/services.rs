//! Services over the control interface: registered, renewed, changed and ended at `/api/services/PORT`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{Method, StatusCode, http::request::Parts};
use nanoserde::SerJson;

use super::{Answer, MAX_TTL, PutService, Refused, done_if, read, service_port};
use crate::daemon::{AccessWish, Daemon, Offer, StartError};
use crate::identity::ServicePort;
use crate::runtime::http::Body;
use crate::service::{Access, Lease, Upstream};
use crate::trust::AccessList;

/// Answers a request for the service at a port.
pub(super) async fn answer(daemon: &Arc<Daemon>, port: &str, head: &Parts, body: Body) -> Answer {
    match head.method {
        Method::PUT => {
            let answer = put(daemon, service_port(port)?, read(body).await?)?;
            if answer.0 == StatusCode::CREATED {
                daemon.published().await; // whoever is told may tell friends at once
            }
            Ok(answer)
        }
        Method::PATCH => patch(daemon, service_port(port)?, &read(body).await?),
        Method::DELETE => delete(daemon, service_port(port)?, head.uri.query().unwrap_or_default()),
        _ => Err(Refused::method("PUT, PATCH, DELETE")),
    }
}

/// Registers a service, or renews its registration.
fn put(daemon: &Arc<Daemon>, port: ServicePort, wish: PutService) -> Answer {
    let ttl = wish.ttl.map(|ttl| Duration::from_secs(ttl.clamp(1, MAX_TTL)));
    let access = access_wish(&wish)?;
    if let (Some(lease), Some(ttl)) = (wish.lease, ttl) {
        let renewed = daemon.renew(Lease::new(port, lease), ttl);
        return done_if(renewed, || format!("port {port} is no longer yours"));
    }
    let offer = match (wish.url, wish.folder) {
        (Some(url), None) => {
            let upstream =
                Upstream::parse(&url).map_err(|error| Refused::bad(format!("{url:?}: {error}")))?;
            Offer::Application(upstream)
        }
        // the daemon's own directory says nothing to whoever asks
        (None, Some(folder)) if !Path::new(&folder).is_absolute() => {
            return Err(Refused::bad(format!("folder: {folder:?} is not an absolute path")));
        }
        (None, Some(folder)) => Offer::Folder(PathBuf::from(folder)),
        _ => return Err(Refused::bad("give either url or folder")),
    };
    let registered = daemon
        .register(port, offer, ttl, wish.replace.unwrap_or(true), access)
        .map_err(|error| Refused::new(status_of(&error), error.to_string()))?;
    Ok((StatusCode::CREATED, registered.serialize_json()))
}

/// Whose fault it is that something is not served: the wish's, or that of what is there.
fn status_of(error: &StartError) -> StatusCode {
    match error {
        StartError::Folder(_) => StatusCode::BAD_REQUEST,
        StartError::Service(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Changes whom a service is for.
fn patch(daemon: &Arc<Daemon>, port: ServicePort, wish: &PutService) -> Answer {
    match daemon.set_access(port, access(wish)?) {
        Ok(found) => done_if(found, || format!("nothing is served at port {port}")),
        Err(error) => Err(Refused::new(StatusCode::CONFLICT, error.to_string())),
    }
}

/// Ends a service: whichever has the port, or the one of a lease only.
fn delete(daemon: &Daemon, port: ServicePort, query: &str) -> Answer {
    let withdrawn = match query.strip_prefix("lease=") {
        Some(lease) => {
            let lease = lease.parse().ok().map(|number| Lease::new(port, number));
            lease.is_some_and(|lease| daemon.withdraw_lease(lease))
        }
        None => daemon.withdraw(port),
    };
    done_if(withdrawn, || format!("nothing is served at port {port}"))
}

/// What a wish says of whom to let in.
fn access_wish(wish: &PutService) -> Result<AccessWish, Refused> {
    let says = wish.allow.is_some() || wish.cross_site.is_some();
    let access = access(wish)?;
    let again = wish.again.unwrap_or(false);
    Ok(if says && !again { AccessWish::Said(access) } else { AccessWish::Kept(access) })
}

/// Whom a wish lets in: everybody unless it says otherwise.
fn access(wish: &PutService) -> Result<Access, Refused> {
    let list = match &wish.allow {
        None => AccessList::public(),
        Some(allow) => {
            AccessList::parse(allow).map_err(|error| Refused::bad(format!("allow: {error}")))?
        }
    };
    Ok(Access { list, cross_site: wish.cross_site.unwrap_or(false) })
}
