//! What is asked of every overlay.

use std::{net::SocketAddr, slice, sync::Arc, time::Duration};

use futures_lite::future;
use p2p::identity::{KeyPair, Name, Slot};
use p2p::link::{Link, Strangers};
use p2p::overlay::{Abilities, Overlay, OverlayError};
use p2p::registration::presence::SealedError;
use p2p::registration::{Call, Packet, Registration, Wanted};
use p2p::runtime::{self, clock};
use p2p::transport::{Lifetimes, Transport};

use crate::sealed::Sealed;
use testbed::overlays::packets::key;
use testbed::overlays::person::{Person, TTL, look_up};

/// What a busy machine may need for calls to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes somebody's client.
type Open = dyn Fn(&KeyPair) -> Arc<dyn Overlay>;
/// Puts a packet where no client puts one.
type Upload = dyn Fn(&Packet);
/// Lets the owner of a name in.
type Admit = dyn Fn(&Name);

/// A kind of overlay and a server that is right.
pub(crate) struct Subject {
    /// A client for somebody.
    pub(crate) open: Box<Open>,
    /// How a packet comes into an overlay that cannot be written.
    pub(crate) upload: Option<Box<Upload>>,
    /// What the operator of an overlay does that is not open to everybody.
    pub(crate) admit: Option<Box<Admit>>,
}

impl Subject {
    /// An overlay as somebody else sees it.
    fn visitor(&self) -> Arc<dyn Overlay> {
        (self.open)(&key())
    }

    /// Somebody who may use the overlay.
    fn person(&self) -> Person {
        self.admitted(Person::new())
    }

    fn admitted(&self, person: Person) -> Person {
        if let Some(admit) = &self.admit {
            admit(&person.name);
        }
        person
    }

    /// Publishes, with one's own client or by hand.
    fn publish(&self, overlay: &Arc<dyn Overlay>, packet: &Packet) -> Result<(), OverlayError> {
        match &self.upload {
            Some(upload) => {
                upload(packet);
                Ok(())
            }
            None => runtime::block_on(overlay.publish(packet)),
        }
    }
}

/// The whole suite.
pub(crate) fn conforms(subject: &Subject) {
    who_is_not_there_is_no_error(subject);
    a_packet_is_found_by_all_that_can_find_it(subject);
    a_newer_packet_takes_the_place(subject);
    the_longest_packet_fits_and_nothing_longer(subject);
    what_has_expired_does_not_count(subject);
    what_is_withdrawn_does_not_count(subject);
    two_who_claim_a_name_do_not_hide_each_other(subject);
    private_presence_is_found_by_contacts_only(subject);
    addresses_are_announced_moved_and_withdrawn(subject);
    who_is_where_his_address_says_is_found_by_name(subject);
    two_who_announce_do_not_hide_each_other(subject);
    calls_are_heard_once_by_who_waits(subject);
    abilities_are_true(subject);
}

fn who_is_not_there_is_no_error(subject: &Subject) {
    let nobody = subject.person();
    assert_eq!(runtime::block_on(subject.visitor().locate(&nobody.name)), Ok(Vec::new()));
    for wanted in nobody.wanted() {
        assert_eq!(
            runtime::block_on(subject.visitor().find(&wanted)),
            Ok(Vec::new()),
            "{wanted:?}"
        );
    }
}

/// Whether it finds somebody who is elsewhere by now.
fn keeps_for(overlay: &Arc<dyn Overlay>, wanted: &Wanted) -> bool {
    overlay.abilities().can_find(wanted) && !overlay.abilities().addresses
}

fn a_packet_is_found_by_all_that_can_find_it(subject: &Subject) {
    let alice = subject.person();
    let (hers, packet) = ((subject.open)(&alice.keys), alice.packet(10));
    subject.publish(&hers, &packet).unwrap();
    subject.publish(&hers, &packet).expect("the same again");
    let visitor = subject.visitor();
    for wanted in alice.wanted() {
        let outcome = look_up(&visitor, &wanted).unwrap();
        let found = keeps_for(&visitor, &wanted).then(|| packet.clone());
        assert_eq!(outcome.found, found.into_iter().collect::<Vec<_>>(), "{wanted:?}");
    }
}

fn a_newer_packet_takes_the_place(subject: &Subject) {
    let alice = subject.person();
    let hers = (subject.open)(&alice.keys);
    let (old, new) = (alice.packet(60), alice.packet(5));
    subject.publish(&hers, &old).unwrap();
    subject.publish(&hers, &new).unwrap();
    for wanted in alice.wanted().iter().filter(|wanted| keeps_for(&hers, wanted)) {
        let found = look_up(&subject.visitor(), wanted).unwrap().found;
        assert_eq!(found, slice::from_ref(&new), "{wanted:?}");
    }
    if subject.upload.is_none() && hers.abilities().shared {
        // the old one does not come back over the new one, whether it is taken or not
        let again = subject.publish(&hers, &old);
        assert!(matches!(again, Ok(()) | Err(OverlayError::Outdated)), "{again:?}");
    }
}

fn the_longest_packet_fits_and_nothing_longer(subject: &Subject) {
    let alice = subject.person();
    let (hers, longest) = ((subject.open)(&alice.keys), alice.longest());
    assert_eq!(longest.as_bytes().len(), Packet::MAX_LENGTH);
    subject.publish(&hers, &longest).unwrap();
    for wanted in alice.wanted().iter().filter(|wanted| keeps_for(&hers, wanted)) {
        let found = look_up(&subject.visitor(), wanted).unwrap().found;
        assert_eq!(found, slice::from_ref(&longest));
    }
    for packet in [&[][..], &[7; Packet::MAX_LENGTH + 1]] {
        let put = runtime::block_on(hers.put(Slot([7; 20]), packet, TTL));
        assert!(matches!(put, Err(OverlayError::TooLarge | OverlayError::NoSlots)), "{put:?}");
    }
}

fn what_has_expired_does_not_count(subject: &Subject) {
    let alice = subject.person();
    let hers = (subject.open)(&alice.keys);
    let hour = Duration::from_secs(3600);
    // an overlay may refuse it, drop it, or keep it
    let _ = subject.publish(&hers, &alice.sign(hour, Duration::from_secs(60), 1));
    for wanted in alice.wanted() {
        assert_eq!(look_up(&subject.visitor(), &wanted).unwrap().found, []);
    }
    assert!(ports(subject, &alice).is_empty());
}

fn what_is_withdrawn_does_not_count(subject: &Subject) {
    let alice = subject.person();
    let hers = (subject.open)(&alice.keys);
    subject.publish(&hers, &alice.packet(10)).unwrap();
    subject.publish(&hers, &alice.withdrawal()).unwrap();
    for wanted in alice.wanted() {
        assert_eq!(look_up(&subject.visitor(), &wanted).unwrap().found, [], "{wanted:?}");
    }
}

fn two_who_claim_a_name_do_not_hide_each_other(subject: &Subject) {
    let alice = subject.person();
    let mallory = subject.admitted(Person::named(alice.name.clone()));
    let (hers, his) = ((subject.open)(&alice.keys), (subject.open)(&mallory.keys));
    let abilities = hers.abilities();
    if !abilities.shared {
        return;
    }
    subject.publish(&hers, &alice.packet(10)).unwrap();
    subject.publish(&his, &mallory.packet(5)).unwrap();
    subject.publish(&his, &mallory.withdrawal()).unwrap();
    subject.publish(&his, &mallory.packet(0)).unwrap();
    let visitor = subject.visitor();
    for (person, age) in [(&alice, 10), (&mallory, 0)] {
        let [by_name, by_key, _] = person.wanted();
        if abilities.by_key {
            let found = look_up(&visitor, &by_key).unwrap().found;
            assert_eq!(found.len(), 1, "{age}");
            assert_eq!(found[0].registration().key, person.keys.public());
        }
        if keeps_for(&hers, &by_name) {
            let found = look_up(&visitor, &by_name).unwrap().found;
            let key = person.keys.public();
            assert!(found.iter().any(|packet| packet.registration().key == key), "{found:?}");
        }
    }
}

fn private_presence_is_found_by_contacts_only(subject: &Subject) {
    let mut alice = Sealed::to_one_contact();
    let hers = (subject.open)(&alice.person.keys);
    if !hers.abilities().sealed {
        let Abilities { put, addresses, .. } = hers.abilities();
        assert!(!put || addresses, "packets that can be written can carry what is sealed");
        return;
    }
    let visitor = subject.visitor();
    assert_eq!(alice.found_by(&alice.contact, &visitor), None);
    let said = alice.publish(&hers, 20, TTL);
    assert_eq!(alice.found_by(&alice.contact, &visitor), Some(Ok(said)));
    assert_eq!(alice.found_by(&key(), &visitor), None, "a stranger who knows the key");
    for wanted in alice.person.wanted() {
        assert_eq!(look_up(&visitor, &wanted).unwrap().found, [], "{wanted:?}");
    }
    let said = alice.publish(&hers, 10, TTL);
    assert_eq!(alice.found_by(&alice.contact, &visitor), Some(Ok(said)), "the newer one");
    alice.publish(&hers, 0, Duration::ZERO);
    let left = alice.found_by(&alice.contact, &visitor);
    let is_gone = |left: &Result<Registration, SealedError>| {
        left.as_ref().is_ok_and(Registration::is_withdrawal)
    };
    assert!(left.as_ref().is_none_or(is_gone), "{left:?}");
}

fn addresses_are_announced_moved_and_withdrawn(subject: &Subject) {
    let alice = subject.person();
    let hers = (subject.open)(&alice.keys);
    let abilities = hers.abilities();
    let expected = |ports: &[u16]| if abilities.addresses { ports.to_vec() } else { Vec::new() };
    subject.publish(&hers, &alice.packet_at(5001)).ok();
    assert_eq!(ports(subject, &alice), expected(&[5001]));
    subject.publish(&hers, &alice.packet_at(5002)).ok();
    let moved = ports(subject, &alice);
    if !abilities.withdraws {
        assert!(!abilities.addresses || moved.contains(&5002), "{moved:?}");
        return;
    }
    assert_eq!(moved, expected(&[5002]));
    subject.publish(&hers, &alice.withdrawal()).ok();
    assert!(ports(subject, &alice).is_empty());
}

/// Two claim a name, each from his own address; and whoever has the name for himself alone is a third.
fn who_is_where_his_address_says_is_found_by_name(subject: &Subject) {
    if !subject.visitor().abilities().addresses {
        return;
    }
    let alice = subject.person();
    let mallory = Person::named(alice.name.clone());
    let at_home = |person: &Person, is_told: bool| {
        let host = ([127, 0, 0, 1], 0).into();
        let link = Link::bind(&person.keys, &[host], Strangers::Ignored).unwrap();
        let packet = person.packet_at(link.bound_addresses()[0].port());
        subject.publish(&(subject.open)(&person.keys), &packet).unwrap();
        if is_told {
            link.introduce(&packet);
        }
        (Transport::new(&person.keys, link, Lifetimes::default()).unwrap(), packet)
    };
    let (_hers, her_packet) = at_home(&alice, true);
    let (_his, his_packet) = at_home(&mallory, true);
    let _silent = at_home(&Person::named(alice.name.clone()), false);
    let [by_name, by_key, _] = alice.wanted();
    let visitor = subject.visitor();
    let found = look_up(&visitor, &by_name).unwrap().found;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&her_packet) && found.contains(&his_packet), "{found:?}");
    assert_eq!(look_up(&visitor, &by_key).unwrap().found, [], "the handshake proves the key");
}

fn two_who_announce_do_not_hide_each_other(subject: &Subject) {
    let alice = subject.person();
    let [laptop, desktop] = [(); 2].map(|()| (subject.open)(&alice.keys));
    if !laptop.abilities().addresses {
        return;
    }
    subject.publish(&laptop, &alice.packet_at(5001)).unwrap();
    subject.publish(&desktop, &alice.packet_at(5002)).unwrap();
    assert_eq!(ports(subject, &alice), [5001, 5002]);
}

/// The ports of the addresses that somebody may have, in order.
fn ports(subject: &Subject, person: &Person) -> Vec<u16> {
    let located = runtime::block_on(subject.visitor().locate(&person.name)).unwrap();
    let mut ports: Vec<u16> = located.iter().map(SocketAddr::port).collect();
    ports.sort();
    ports
}

fn calls_are_heard_once_by_who_waits(subject: &Subject) {
    let [alice, bob, carol] = [(); 3].map(|()| subject.visitor());
    let (Some(waiting), Some(calling), Some(other)) = (alice.calls(), bob.calls(), carol.calls())
    else {
        return;
    };
    let slot = Slot::of_call(&key().public());
    let [first, second, third] =
        ["first", "second", "third"].map(|text| Call::new(text.as_bytes()).unwrap());
    let exchange = async {
        let leave = async {
            // whether it comes before or after alice began to wait, she hears it
            calling.call(slot, &first).await
        };
        let (heard, left) = future::zip(waiting.wait(slot, None), leave).await;
        if heard == Err(OverlayError::NoCalls) {
            return; // this server cannot hold an answer back
        }
        left.unwrap();
        let heard = heard.unwrap();
        assert_eq!(heard.calls, slice::from_ref(&first));
        assert_eq!(
            bob.get(slot).await.unwrap_or_default(),
            Vec::<Vec<u8>>::new(),
            "a call is no packet"
        );

        other.call(slot, &second).await.unwrap();
        calling.call(slot, &third).await.unwrap();
        let (mut seen, mut rest) = (heard.seen, Vec::new());
        while rest.len() < 2 {
            let heard = waiting.wait(slot, Some(seen)).await.unwrap();
            seen = heard.seen;
            rest.extend(heard.calls);
        }
        rest.sort_by_key(|call| *call == third);
        assert_eq!(rest, [second, third], "the first one was heard already");
        let more = clock::timeout(Duration::from_millis(300), waiting.wait(slot, Some(seen))).await;
        assert_eq!(more, None, "they were heard");
    };
    runtime::block_on(clock::timeout(PATIENCE, exchange)).expect("calls arrive");
}

fn abilities_are_true(subject: &Subject) {
    let alice = subject.person();
    let hers = (subject.open)(&alice.keys);
    let abilities = hers.abilities();
    let published = runtime::block_on(hers.publish(&alice.packet(0)));
    assert_eq!(published.is_ok(), abilities.put, "{published:?}");
    assert!(
        abilities.by_name || abilities.by_key || abilities.addresses,
        "nobody would find anything"
    );
    let renewal = Duration::from_secs(120);
    assert!(abilities.renew.is_none_or(|renew| renew > renewal), "too busy");
    if abilities.put && abilities.keeps {
        drop(hers);
        let visitor = subject.visitor();
        let mut wanted = alice.wanted().into_iter().filter(|wanted| keeps_for(&visitor, wanted));
        assert!(wanted.all(|wanted| look_up(&visitor, &wanted).unwrap().found.len() == 1));
    }
}
