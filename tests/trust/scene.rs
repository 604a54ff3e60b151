//! What the tests share: people with homes of their own, a store, and a plain HTTP client.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use testbed::people::{Program, run, text};

/// A folder for all homes, and a store.
pub(crate) struct Scene {
    pub(crate) root: TempDir,
    pub(crate) store: Program,
}

impl Scene {
    pub(crate) fn set() -> Scene {
        let root = tempfile::tempdir().unwrap();
        let store =
            Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
        Scene { root, store }
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The overlay of the store.
    pub(crate) fn overlay(&self) -> String {
        format!("store:{}", self.store.said("store"))
    }

    /// Makes an identity; gives its share link.
    pub(crate) fn init(&self, home: &str, name: &str) -> String {
        let made = self.done(home, &["init", name]);
        let link = made.lines().find_map(|line| line.strip_prefix("share link"));
        link.unwrap().trim().to_owned()
    }

    /// Stdout of a command that succeeds.
    pub(crate) fn done(&self, home: &str, arguments: &[&str]) -> String {
        let output = run(&self.home(home), arguments);
        let told = (text(&output.stdout[..]), text(&output.stderr[..]));
        assert!(output.status.success(), "{arguments:?}: {told:?}");
        told.0
    }

    /// Exit code and stderr of a command that does not.
    pub(crate) fn fails(&self, home: &str, arguments: &[&str]) -> (i32, String) {
        let output = run(&self.home(home), arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout[..]));
        (output.status.code().unwrap(), text(&output.stderr[..]))
    }

    /// Somebody who serves a page with these words at port 1000.
    pub(crate) fn serve(&self, home: &str, words: &str, more: &[&str]) -> Program {
        let folder = self.home(home).with_extension("folder");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.html"), words).unwrap();
        let (folder, overlay) = (folder.to_str().unwrap().to_owned(), self.overlay());
        let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
        let serve = ["serve", &folder, "--port", "1000"];
        Program::start(&self.home(home), &[&serve[..], &network, more].concat())
    }

    /// Somebody's proxy.
    pub(crate) fn proxy(&self, home: &str) -> Program {
        let overlay = self.overlay();
        let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
        let proxy = ["proxy", "--listen", "127.0.0.1:0"];
        Program::start(&self.home(home), &[&proxy[..], &network].concat())
    }

    /// Replaces the settings of a home.
    pub(crate) fn configure(&self, home: &str, settings: &str) {
        fs::create_dir_all(self.home(home)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(self.home(home), mode).unwrap();
        fs::write(self.home(home).join("config.toml"), settings).unwrap();
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: ureq::http::HeaderMap,
    pub(crate) body: String,
}

/// Sends a request and reads the whole answer, without following redirects.
pub(crate) fn request(method: &str, url: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(60)));
    let agent: ureq::Agent = config.build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let response = match method {
        "PUT" | "POST" => agent.run(request.body(body.to_owned()).unwrap()),
        _ => agent.run(request.body(()).unwrap()),
    };
    let mut response = response.unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    Answer { status: response.status().as_u16(), fields: response.headers().clone(), body }
}

/// What a program gets that reads text: somebody's page at port 1000, through a proxy.
pub(crate) fn get(proxy: &Program, name: &str) -> Answer {
    get_at(proxy, name, 1000)
}

/// The same at any port.
pub(crate) fn get_at(proxy: &Program, name: &str, port: u16) -> Answer {
    let url = format!("http://{}/{name}/{port}/", proxy.said("proxy"));
    request("GET", &url, &[("Accept", "text/plain")], "")
}

/// The path of a file as text.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
