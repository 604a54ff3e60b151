//! Where UDP does not pass.

use super::*;

#[test]
fn tcp_is_tried_after_a_second_and_udp_takes_over_again() {
    let mut world = World::new(rules(Group::Anyone), 1);
    world.up = false;
    let now = world.now;
    world.hosts[0].client.set_own(&[node()], now);
    world.run(Duration::from_secs(1));
    let relay = RelayId(0);
    let open = Event::OpenStream { relay, address: node().address };
    assert!(world.hosts[0].events.contains(&open));
    // the connection is there, and the rendezvous hears what comes over it
    let carrier = Carrier::Tcp { connection: 7, address: node().address };
    let now = world.now;
    world.hosts[0].client.stream_opened(relay, carrier, now);
    exchange_by_tcp(&mut world, carrier);
    let accepted = Registration::Accepted { carries: true, tcp: true };
    assert_eq!(world.hosts[0].client.registrations(), [(node(), accepted)]);
    let carried = world.hosts[0].client.carry(relay, key(2).hit(), now);
    assert_eq!(carried.map(|(carrier, _)| carrier), Some(carrier));
    // UDP passes again: a HELLO every minute finds out
    world.up = true;
    let until = world.now + Duration::from_secs(70);
    while world.now < until {
        world.run(Duration::from_millis(500));
        exchange_by_tcp(&mut world, carrier);
    }
    let accepted = Registration::Accepted { carries: true, tcp: false };
    assert_eq!(world.hosts[0].client.registrations(), [(node(), accepted)]);
    assert!(world.hosts[0].events.contains(&Event::CloseStream { carrier }));
    assert_eq!(world.server.counts(world.now).clients, 1);
}

/// Delivers at once what is for the connection.
fn exchange_by_tcp(world: &mut World, carrier: Carrier) {
    let now = world.now;
    let server_side = Carrier::Tcp { connection: 3, address: address(1) };
    loop {
        let client = &mut world.hosts[0].client;
        let mut idle = true;
        while let Some(transmit) = client.poll_transmit() {
            idle = false;
            if transmit.to == carrier {
                world.server.handle_datagram(server_side, &transmit.datagram, now, world.date);
            } else {
                let arrives = now + DELAY;
                let (from, to) = (address(1), transmit.to.address());
                world.flying.push_back(Flying { arrives, from, to, datagram: transmit.datagram });
            }
        }
        while let Some(transmit) = world.server.poll_transmit() {
            idle = false;
            if transmit.to == server_side {
                world.hosts[0].client.handle_datagram(carrier, &transmit.datagram, now);
            } else {
                world.send(node().address, transmit.to.address(), transmit.datagram);
            }
        }
        if idle {
            return;
        }
    }
}
