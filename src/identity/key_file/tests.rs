use proptest::prelude::*;

use super::*;

fn file() -> SecretKeyFile {
    SecretKeyFile::new(KeyPair::from_seed(&Seed::new([7; 32])))
}

fn lock(passphrase: &str) -> Option<Lock<'_>> {
    Some(Lock { passphrase, salt: [9; 32] })
}

/// A file with this second line.
fn with_octets(octets: &[u8]) -> String {
    format!("untrusted comment: x\n{}\n", BASE64.encode(octets))
}

fn octets(text: &str) -> Vec<u8> {
    BASE64.decode(text.lines().nth(1).unwrap().as_bytes()).unwrap()
}

#[test]
fn reads_what_it_wrote() {
    let text = file().to_text(None);
    for passphrase in [None, Some("not needed")] {
        let read = SecretKeyFile::parse(&text, passphrase).unwrap();
        assert_eq!(*read.pair.seed(), [7; 32]);
        assert_eq!(read.id, file().id);
    }
    let public = file().public();
    assert_eq!(PublicKeyFile::parse(&public.to_text()), Ok(public));
    assert_eq!(public, PublicKeyFile::new(file().pair.public()));
    let line = public.to_text().lines().nth(1).unwrap().to_owned();
    assert_eq!(PublicKeyFile::parse(&line), Ok(public), "the line alone, as on a command line");
    assert!(line.starts_with("RW"), "as every minisign key does");
}

#[test]
fn a_passphrase_locks() {
    let text = file().to_text(lock("correct horse"));
    let parse = |passphrase| SecretKeyFile::parse(&text, passphrase).map(|f| *f.pair.seed());
    assert_eq!(parse(Some("correct horse")), Ok([7; 32]));
    assert_eq!(parse(Some("Correct horse")), Err(KeyFileError::WrongPassphrase));
    assert_eq!(parse(None), Err(KeyFileError::NeedsPassphrase));
    assert!(!octets(&text).windows(32).any(|window| window == [7; 32]));
}

#[test]
fn every_changed_octet_of_an_open_key_is_noticed() {
    let good = octets(&file().to_text(None));
    let ignored = 6..HEAD_LENGTH; // salt and costs of a file without passphrase
    for at in (0..good.len()).filter(|at| !ignored.contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let error = SecretKeyFile::parse(&with_octets(&bad), None).unwrap_err();
        let expected = if at < 6 { KeyFileError::NotAKeyFile } else { KeyFileError::Damaged };
        assert_eq!(error, expected, "octet {at}");
    }
    for end in 0..good.len() {
        let cut = SecretKeyFile::parse(&with_octets(&good[..end]), None).unwrap_err();
        assert_eq!(cut, KeyFileError::NotAKeyFile);
    }
}

#[test]
fn a_public_half_that_does_not_fit_is_damage() {
    let mut body = file().to_body();
    body[40] ^= 1;
    let sum = checksum(&body);
    body[72..].copy_from_slice(&sum);
    for locked in [false, true] {
        assert_eq!(read_body(&body, locked).unwrap_err(), KeyFileError::Damaged);
    }
    body[72..].fill(0);
    assert_eq!(read_body(&body, false).unwrap_err(), KeyFileError::Damaged);
}

#[test]
fn a_seed_of_zeros_is_damage() {
    for fill in [0, 1] {
        let mut body = Body::new([0; BODY_LENGTH]);
        body[40..72].fill(fill);
        let sum = checksum(&body);
        body[72..].copy_from_slice(&sum);
        assert_eq!(read_body(&body, false).unwrap_err(), KeyFileError::Damaged);
    }
}

#[test]
fn reads_an_open_file_of_minisign_itself() {
    // `minisign -G -W` of Debian 12 (0.11): it has no checksum
    let secret = "untrusted comment: minisign encrypted secret key\n\
        RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoZX7dUPhgJjx7Zk0\
        6NK4rOZxsApMZ8hVQ3FKt9UDrj8QQmHSnVF6c3Y9WvVY+v43SRqmXZ5uD867zSaTIAjqtgAScZltH8lDAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let public = "untrusted comment: minisign public key 9880E14375FB95A1\n\
        RWShlft1Q+GAmHY9WvVY+v43SRqmXZ5uD867zSaTIAjqtgAScZltH8lD\n";
    let read = SecretKeyFile::parse(secret, None).unwrap();
    assert_eq!(read.id.to_string(), "9880E14375FB95A1");
    assert_eq!(PublicKeyFile::parse(public), Ok(read.public()));
    assert_eq!(read.public().to_text(), public);
    // without checksum only a locked file is unreadable
    let mut body = read.to_body();
    body[72..].fill(0);
    assert!(read_body(&body, false).is_ok());
    assert_eq!(read_body(&body, true).unwrap_err(), KeyFileError::WrongPassphrase);
}

#[test]
fn a_hostile_file_cannot_ask_for_everything() {
    let good = octets(&file().to_text(lock("x")));
    let ask = |ops: u64, memory: u64| {
        let mut bad = good.clone();
        bad[38..46].copy_from_slice(&ops.to_le_bytes());
        bad[46..54].copy_from_slice(&memory.to_le_bytes());
        SecretKeyFile::parse(&with_octets(&bad), Some("x")).unwrap_err()
    };
    assert_eq!(ask(u64::MAX, 32 << 20), KeyFileError::TooExpensive);
    assert_eq!(ask(1 << 20, u64::MAX), KeyFileError::TooExpensive);
    assert_eq!(ask((1 << 25) + 1, 1 << 30), KeyFileError::TooExpensive);
    assert_eq!(ask(1 << 25, (1 << 30) + 1), KeyFileError::TooExpensive);
    // nothing at all is cheap, and wrong
    assert_eq!(ask(0, 0), KeyFileError::WrongPassphrase);
}

#[test]
fn costs_become_the_parameters_that_libsodium_picks() {
    let params = |ops, memory| {
        let params = Cost { ops, memory }.to_params().unwrap();
        (params.log_n(), params.r(), params.p())
    };
    assert_eq!(params(1 << 20, 32 << 20), (15, 8, 1), "ours");
    assert_eq!(params(1 << 25, 1 << 30), (20, 8, 1), "minisign's");
    assert_eq!(params(1 << 19, 16 << 20), (14, 8, 1), "libsodium's interactive");
    assert_eq!(params(1 << 15, 1 << 30), (10, 8, 1), "bound by work");
    assert_eq!(params(1 << 25, 16 << 20), (14, 8, 64), "bound by memory");
}

#[test]
fn refuses_other_files() {
    let public = file().public().to_text();
    let secret = file().to_text(None);
    let not = Err(KeyFileError::NotAKeyFile);
    for text in ["", "\n", "untrusted comment: x", "untrusted comment: x\n", "hello\nworld", "é"] {
        assert_eq!(PublicKeyFile::parse(text), not, "{text:?}");
        assert_eq!(SecretKeyFile::parse(text, None).map(|_| ()), not.map(|_| ()), "{text:?}");
    }
    assert_eq!(PublicKeyFile::parse(&secret), not);
    assert!(SecretKeyFile::parse(&public, None).is_err());
    assert_eq!(PublicKeyFile::parse(&format!("{public}more\n")), not);
    assert_eq!(PublicKeyFile::parse(&format!("{}{public}", " ".repeat(2048))), not);
    let signature = format!("{public}trusted comment: x\nAAAA\n");
    assert_eq!(PublicKeyFile::parse(&signature), not);
    let mut other = octets(&public);
    other[1] = b'D'; // a signature's algorithm
    assert_eq!(PublicKeyFile::parse(&with_octets(&other)), not);
    assert!(PublicKeyFile::parse(&public.replace('\n', "\r\n")).is_ok());
}

#[test]
fn secrets_are_not_printed() {
    let printed = format!("{:?} {:?}", file(), lock("secret"));
    assert!(!printed.contains("secret") && !printed.contains("7, 7"), "{printed}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(comment in "\\PC{0,40}", line in "[A-Za-z0-9+/=]{0,300}") {
        let text = format!("untrusted comment: {comment}\n{line}\n");
        let _ = PublicKeyFile::parse(&text);
        let _ = SecretKeyFile::parse(&text, None);
    }
}
