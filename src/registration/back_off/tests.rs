use super::*;
use crate::runtime::clock;

#[test]
fn rests_begin_with_the_third_failure_and_double_up_to_a_limit() {
    let (mut back_off, mut now) = (BackOff::default(), clock::now());
    let mut rests = Vec::new();
    for _ in 0..12 {
        back_off.handle_failure(now);
        let rest = back_off.rests(now).unwrap_or_default();
        rests.push(rest.as_secs());
        now += rest;
        assert_eq!(back_off.rests(now), None, "it is asked again when the rest is over");
    }
    assert_eq!(rests, [0, 0, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]);
    let mut anew = BackOff::default();
    anew.handle_failure(now);
    assert_eq!(anew.rests(now), None, "an answer makes up for all");
}
