//! Where the commands of a home reach the control interface: a Unix socket in it.

use std::{
    fs, io,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::Control;
use crate::daemon::{Home, HomeError, StartError};
use crate::runtime::http::{self, Limits};
use crate::runtime::{Async, SocketIo, Task, clock, spawn};

/// The socket of a running daemon; dropping it removes the file.
#[derive(Debug)]
pub(in crate::daemon) struct ControlSocket {
    path: PathBuf,
    _task: Task<()>,
}

const SOCKET: &str = "control.sock";
/// What a command may stall.
const STALL: Duration = Duration::from_secs(10);

impl ControlSocket {
    /// Listens in the home, which only its owner may enter. The caller holds the lock of the home, so a
    /// socket that is there already is left over.
    pub(in crate::daemon) fn open(
        home: &Home,
        control: Arc<Control>,
    ) -> Result<ControlSocket, StartError> {
        let path = home.path(SOCKET);
        let failed = |error| HomeError::Unusable { path: path.clone(), error };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(error).into());
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).and_then(Async::new).map_err(failed)?;
        let task = spawn(answer(listener, control));
        Ok(ControlSocket { path, _task: task })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn answer(listener: Async<UnixListener>, control: Arc<Control>) {
    loop {
        let accepted: io::Result<(Async<UnixStream>, _)> = listener.accept().await;
        let Ok((socket, _)) = accepted else {
            // out of descriptors, most likely
            clock::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let io = SocketIo::unix(socket, STALL);
        let connection = http::serve_connection(Box::new(io), Limits::default(), control.clone());
        spawn(async move {
            let _ = connection.await;
        })
        .detach();
    }
}
