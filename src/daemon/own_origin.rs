//! The daemon's own origin: what browsers find at the entrance besides what others serve.

use std::{fmt, sync::Arc};

use super::dashboard::Dashboard;
use super::meeting_room::{MeetingRoom, PATH};
use crate::runtime::http::{BoxFuture, Handler, Request, Response};
use crate::web::{Media, error_page};

/// The meeting room, the dashboard, and the interface for programs.
#[derive(Debug)]
pub(super) struct OwnOrigin<H> {
    /// Where a person decides.
    pub(super) meetings: Arc<MeetingRoom>,
    /// Where a person looks around.
    pub(super) dashboard: Arc<Dashboard>,
    /// What answers everything else.
    pub(super) api: Arc<H>,
}

impl<H: Handler + fmt::Debug> Handler for OwnOrigin<H> {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let path = request.uri().path();
        if Dashboard::has(path) {
            return self.dashboard.clone().handle(request);
        }
        if !path.starts_with(PATH) {
            return self.api.clone().handle(request);
        }
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            let answer = self.meetings.answer(request).await;
            answer.unwrap_or_else(|failure| error_page(&failure, media))
        })
    }
}
