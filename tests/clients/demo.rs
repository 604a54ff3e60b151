//! `p2p demo`: what it checks, and what it tells people to try.

use crate::form;
use testbed::people::{Program, command, succeed};
use testbed::programs::have;

#[test]
fn the_check_finds_all_forms_equal() {
    let home = tempfile::tempdir().unwrap();
    let output =
        String::from_utf8(succeed(&mut command(home.path(), &["demo", "--check"]))).unwrap();
    assert_eq!(output.lines().filter(|line| line.ends_with("  equal")).count(), 3, "{output}");
    assert!(output.contains("look-up "), "{output}");
}

#[test]
fn every_printed_curl_line_works() {
    if !have("curl") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let demo = Program::start(home.path(), &["demo", "--listen", "127.0.0.1:0"]);
    let port = demo.said("proxy").rsplit_once(':').unwrap().1;
    for url in [
        format!("http://1000-alice-at-example-com.localhost:{port}/"),
        format!("http://localhost:{port}/alice@example.com/1000/feed.xml"),
        "http://alice.at.example.com:1000/".to_owned(),
    ] {
        assert!(demo.before_ready.iter().any(|line| line.trim() == url), "{url}");
    }
    let lines: Vec<&str> = demo.before_ready.iter().map(|line| line.trim()).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 3, "{:?}", demo.before_ready);
    for line in lines {
        let page = String::from_utf8(succeed(form::bare("sh").args(["-c", line]))).unwrap();
        assert!(page.contains("<html") && page.contains("dawn.jpg"), "{line}: {page}");
    }
}
