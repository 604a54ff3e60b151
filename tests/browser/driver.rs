//! A client of W3C WebDriver, as far as these tests need it, and the chromedriver that it talks to.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use data_encoding::BASE64;
use nanoserde::{DeJson, SerJson};
use tempfile::TempDir;
use ureq::Agent;

/// How long one command may take, such as loading a page on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The same for what a page does, in milliseconds; less, so that chromedriver says what it waited for.
const PAGE_PATIENCE: &str = r#"{"script": 60000, "pageLoad": 60000, "implicit": 0}"#;

/// Nothing of Chromium's own business, which would look for the Internet.
const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1200,900",
];

/// A running chromedriver.
pub(crate) struct Driver {
    child: Child,
    address: String,
    agent: Agent,
}

impl Driver {
    pub(crate) fn start() -> Driver {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver tells its port");
        thread::spawn(move || lines.for_each(drop));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        Driver { child, address: format!("http://127.0.0.1:{port}"), agent: agent.into() }
    }

    /// The answer's body to a command; a refused command is a failed test.
    fn command(&self, path: &str, body: &str) -> String {
        let url = format!("{}{path}", self.address);
        let response = if body.is_empty() {
            self.agent.get(&url).call()
        } else {
            self.agent.post(&url).content_type("application/json").send(body)
        };
        let mut response = response.unwrap_or_else(|error| panic!("{path}: {error}"));
        let limit = 64 << 20; // a screenshot is large
        let text = response.body_mut().with_config().limit(limit).read_to_string().unwrap();
        assert!(response.status() == 200, "{path} {body}: {}", told(&text));
        text
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The words of an error, without chromedriver's stack.
fn told(text: &str) -> &str {
    text.split("\"stacktrace\"").next().unwrap_or(text)
}

/// A browser with a profile of its own.
pub(crate) struct Browser {
    driver: Arc<Driver>,
    session: String,
    /// Removed when the browser has ended.
    _profile: TempDir,
}

#[derive(DeJson)]
struct Answer<T: DeJson> {
    value: T,
}

#[derive(DeJson)]
struct NewSession {
    #[nserde(rename = "sessionId")]
    session_id: String,
}

#[derive(DeJson)]
struct Element {
    #[nserde(rename = "element-6066-11e4-a52e-4f735466cecf")]
    id: String,
}

impl Browser {
    /// Starts a browser with more flags.
    pub(crate) fn start(driver: Arc<Driver>, flags: &[String]) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> =
            FLAGS.iter().map(|flag| (*flag).to_owned()).chain(flags.to_vec()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let body = format!(
            r#"{{"capabilities": {{"alwaysMatch": {{"browserName": "chrome", "timeouts": {PAGE_PATIENCE},
            "goog:chromeOptions": {{"args": {}}}}}}}}}"#,
            flags.serialize_json()
        );
        let answer = driver.command("/session", &body);
        let NewSession { session_id } = value(&answer);
        Browser { driver, session: session_id, _profile: profile }
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &format!(r#"{{"url": {}}}"#, json(url)));
    }

    /// The address of the page, after redirections.
    pub(crate) fn url(&self) -> String {
        self.get("/url")
    }

    pub(crate) fn title(&self) -> String {
        self.get("/title")
    }

    /// The words that a person sees on the page.
    pub(crate) fn words(&self) -> String {
        self.run("return document.body.innerText")
    }

    /// Clicks on the first element that a CSS selector finds, and waits if that loads a page.
    pub(crate) fn click(&self, selector: &str) {
        let find = format!(r#"{{"using": "css selector", "value": {}}}"#, json(selector));
        let Element { id } = value(&self.post("/element", &find));
        self.post(&format!("/element/{id}/click"), "{}");
    }

    /// What an async function with this body returns in the page. What it throws fails the test.
    pub(crate) fn run<T: DeJson>(&self, body: &str) -> T {
        let script = format!("return (async () => {{ {body} }})()");
        value(
            &self.post("/execute/sync", &format!(r#"{{"script": {}, "args": []}}"#, json(&script))),
        )
    }

    /// Waits until an expression in the page is true.
    pub(crate) fn wait(&self, expression: &str) {
        let body = format!(
            "while (!({expression})) await new Promise(go => setTimeout(go, 20)); return true"
        );
        assert!(self.run::<bool>(&body));
    }

    /// A command of the Chrome DevTools Protocol, which has what WebDriver lacks.
    pub(crate) fn devtools(&self, command: &str, parameters: &str) {
        let body = format!(r#"{{"cmd": {}, "params": {parameters}}}"#, json(command));
        self.post("/goog/cdp/execute", &body);
    }

    /// Keeps a picture of what is seen as `NAME.png` if somebody wants to look at it.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = env::var_os("P2P_SCREENSHOTS") else { return };
        let picture: String = self.get("/screenshot");
        let picture = BASE64.decode(picture.as_bytes()).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
    }

    fn get<T: DeJson>(&self, command: &str) -> T {
        value(&self.driver.command(&format!("/session/{}{command}", self.session), ""))
    }

    fn post(&self, command: &str, body: &str) -> String {
        self.driver.command(&format!("/session/{}{command}", self.session), body)
    }
}

impl Drop for Browser {
    /// chromedriver ends the browser with its session.
    fn drop(&mut self) {
        let url = format!("{}/session/{}", self.driver.address, self.session);
        let _ = self.driver.agent.delete(url).call();
    }
}

fn value<T: DeJson>(answer: &str) -> T {
    let parsed = Answer::deserialize_json(answer);
    parsed.unwrap_or_else(|error| panic!("{error} in {answer}")).value
}

/// A text as JSON, which is a literal of JavaScript as well.
pub(crate) fn json(text: &str) -> String {
    text.serialize_json()
}
