//! Preconditions (RFC 9110, section 13): whether a request still wants an answer.
//!
//! Pure. The order is that of section 13.2.2; a field that cannot be read is as if it were not there,
//! except that an `If-Match` nobody understands must not let a request through.

use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

use super::etag::{EntityTag, Validators};

/// What the preconditions of a GET or HEAD request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer the request.
    Proceed,
    /// 304: the client's copy is good.
    NotModified,
    /// 412: what the client wanted to continue with is gone.
    Failed,
}

/// Evaluates all preconditions but `If-Range`.
pub(super) fn evaluate(fields: &HeaderMap, present: &Validators) -> Verdict {
    if fields.contains_key(IF_MATCH) {
        if !lists(fields, IF_MATCH, |tag| tag.matches_strongly(&present.tag)) {
            return Verdict::Failed;
        }
    } else if let (Some(date), Some(modified)) =
        (date(fields, IF_UNMODIFIED_SINCE), present.modified)
        && modified > date
    {
        return Verdict::Failed;
    }
    if fields.contains_key(IF_NONE_MATCH) {
        if lists(fields, IF_NONE_MATCH, |tag| tag.matches_weakly(&present.tag)) {
            return Verdict::NotModified;
        }
    } else if let (Some(date), Some(modified)) = (date(fields, IF_MODIFIED_SINCE), present.modified)
        && modified <= date
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a `Range` field may be used: there is no `If-Range`, or it names exactly the present state.
///
/// A date counts only where it is a strong validator, which it is when the tag is: then the file rests
/// for longer than the second that the date can tell.
pub(super) fn range_counts(fields: &HeaderMap, present: &Validators) -> bool {
    let mut values = fields.get_all(IF_RANGE).iter();
    let Some(value) = values.next() else { return true };
    let Ok(value) = value.to_str().map(str::trim) else { return false };
    if values.next().is_some() {
        return false;
    }
    match EntityTag::parse(value) {
        Some((tag, rest)) => rest.is_empty() && tag.matches_strongly(&present.tag),
        None => {
            let date = seconds(value);
            present.tag.is_strong() && date.is_some() && date == present.modified
        }
    }
}

/// Whether a list of tags, over all lines of a field, is `*` or holds one that `matches`.
fn lists(fields: &HeaderMap, name: HeaderName, matches: impl Fn(&EntityTag) -> bool) -> bool {
    fields.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        let mut rest = value.trim();
        if rest == "*" {
            return true;
        }
        while let Some((tag, after)) = EntityTag::parse(rest) {
            if matches(&tag) {
                return true;
            }
            rest = after.trim_start_matches([',', ' ', '\t']);
        }
        false
    })
}

fn date(fields: &HeaderMap, name: HeaderName) -> Option<u64> {
    let mut values = fields.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { seconds(value.trim()) }
}

fn seconds(date: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(date).ok()?;
    Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn present(tag: &str) -> Validators {
        Validators { tag: EntityTag::parse(tag).unwrap().0, modified: Some(784_111_777) }
    }

    fn fields(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(name, value.parse().unwrap());
        }
        fields
    }

    #[track_caller]
    fn check(lines: &[(HeaderName, &str)], verdict: Verdict) {
        assert_eq!(evaluate(&fields(lines), &present("\"now\"")), verdict, "{lines:?}");
    }

    #[test]
    fn each_field_alone() {
        check(&[], Verdict::Proceed);
        check(&[(IF_MATCH, "\"now\"")], Verdict::Proceed);
        check(&[(IF_MATCH, "*")], Verdict::Proceed);
        check(&[(IF_MATCH, "\"a\", \"now\"")], Verdict::Proceed);
        check(&[(IF_MATCH, "\"a\""), (IF_MATCH, "\"now\"")], Verdict::Proceed);
        check(&[(IF_MATCH, "\"old\"")], Verdict::Failed);
        check(&[(IF_MATCH, "W/\"now\"")], Verdict::Failed);
        check(&[(IF_MATCH, "now")], Verdict::Failed);
        check(&[(IF_UNMODIFIED_SINCE, MODIFIED)], Verdict::Proceed);
        check(&[(IF_UNMODIFIED_SINCE, EARLIER)], Verdict::Failed);
        check(&[(IF_UNMODIFIED_SINCE, "yesterday")], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"now\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "W/\"now\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "*")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "\"a,b\",W/\"now\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "\"old\"")], Verdict::Proceed);
        check(&[(IF_MODIFIED_SINCE, MODIFIED)], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, LATER)], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, EARLIER)], Verdict::Proceed);
    }

    #[test]
    fn tags_outweigh_dates_and_if_match_comes_first() {
        check(&[(IF_MATCH, "\"now\""), (IF_UNMODIFIED_SINCE, EARLIER)], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"old\""), (IF_MODIFIED_SINCE, MODIFIED)], Verdict::Proceed);
        check(&[(IF_MATCH, "\"old\""), (IF_NONE_MATCH, "\"now\"")], Verdict::Failed);
        check(&[(IF_MATCH, "\"now\""), (IF_NONE_MATCH, "\"now\"")], Verdict::NotModified);
        check(&[(IF_UNMODIFIED_SINCE, LATER), (IF_MODIFIED_SINCE, LATER)], Verdict::NotModified);
    }

    #[test]
    fn a_range_counts_only_for_the_very_same_octets() {
        let counts = |lines: &[_], tag| range_counts(&fields(lines), &present(tag));
        assert!(counts(&[], "\"now\""));
        assert!(counts(&[(IF_RANGE, "\"now\"")], "\"now\""));
        assert!(!counts(&[(IF_RANGE, "\"old\"")], "\"now\""));
        assert!(!counts(&[(IF_RANGE, "W/\"now\"")], "\"now\""));
        assert!(!counts(&[(IF_RANGE, "\"now\"")], "W/\"now\""));
        assert!(counts(&[(IF_RANGE, MODIFIED)], "\"now\""));
        assert!(!counts(&[(IF_RANGE, MODIFIED)], "W/\"now\""));
        assert!(!counts(&[(IF_RANGE, LATER)], "\"now\""));
        assert!(!counts(&[(IF_RANGE, EARLIER)], "\"now\""));
        assert!(!counts(&[(IF_RANGE, "nonsense")], "\"now\""));
        assert!(!counts(&[(IF_RANGE, "\"now\""), (IF_RANGE, "\"now\"")], "\"now\""));
    }
}
