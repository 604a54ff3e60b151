//! The token of a home, and the gate that asks programs for it: any web page and every user of the machine can send
//! requests to the entrance.

use std::{fmt, sync::Arc};

use data_encoding::BASE32_NOPAD_NOCASE;
use hyper::{
    StatusCode,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
};

use super::{Control, Refused};
use crate::daemon::{Home, HomeError};
use crate::runtime::file::{self, Access};
use crate::runtime::http::{BoxFuture, Handler, Request, Response};
use crate::runtime::{SecretHash, random, secret_hash};

const TOKEN: &str = "token";

/// The token of a home, made at the first use.
pub(in crate::daemon) fn token(home: &Home) -> Result<String, HomeError> {
    let path = home.path(TOKEN);
    if let Ok(token) = file::read(&path, 256)
        && let Ok(token) = String::from_utf8(token)
        && !token.trim().is_empty()
    {
        return Ok(token.trim().to_owned());
    }
    let token = BASE32_NOPAD_NOCASE.encode(&random::bytes::<20>()).to_ascii_lowercase();
    file::replace(&path, format!("{token}\n").as_bytes(), Access::Private)
        .map_err(|error| HomeError::Unusable { path, error })?;
    Ok(token)
}

/// Lets those through who show the token of the home.
pub(in crate::daemon) struct TokenGate {
    hash: SecretHash,
    control: Arc<Control>,
}

impl TokenGate {
    /// Asks for `token` before `control`.
    pub(in crate::daemon) fn new(token: &str, control: Arc<Control>) -> TokenGate {
        TokenGate { hash: secret_hash(token), control }
    }
}

impl Handler for TokenGate {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if secret_hash(token) == self.hash {
            return self.control.clone().handle(request);
        }
        let reason = "send the token of this home: Authorization: Bearer TOKEN";
        let mut response = Refused::new(StatusCode::UNAUTHORIZED, reason).response();
        let scheme = HeaderValue::from_static("Bearer realm=\"p2p\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        Box::pin(async { response })
    }
}

impl fmt::Debug for TokenGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenGate")
    }
}
