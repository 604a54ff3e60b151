//! The program in a rough world: homes that are damaged, ports that are taken, peers that vanish, stores
//! that lie, clocks that are off. Each ends in a clear answer or in none of it being noticed.

mod broken_off;
mod control;
mod doctor;
mod home;
mod machine;
mod moving;
mod network;
mod overlays;
mod why;
mod world;
