//! A TUN device: bare IP packets of one network namespace, as a file.
//!
//! This is the one place of the lab with `unsafe`: rustix has no safe form of the `ioctl` that names the device.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
};

use rustix::{
    fs::OFlags,
    ioctl::{Setter, ioctl},
};

use crate::Error;

const TUN: &str = "/dev/net/tun";

/// `TUNSETIFF` of `linux/if_tun.h`.
const TUNSETIFF: u32 = 0x4004_54ca;

/// `IFF_TUN | IFF_NO_PI`: IP packets, with nothing before them.
const FLAGS: u16 = 0x1001;

/// `struct ifreq` of `linux/if.h` as `TUNSETIFF` reads it.
#[repr(C)]
#[derive(Debug)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Makes a device in the network namespace of this thread. It vanishes with the file, which does not block.
pub(crate) fn open(device: &str) -> Result<File, Error> {
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(TUN);
    let file = file.map_err(Error::system(TUN))?;
    let mut request = Request { name: [0; 16], flags: FLAGS, rest: [0; 22] };
    request.name[..device.len()].copy_from_slice(device.as_bytes());
    name(&file, request).map_err(Error::system(format!("{TUN}: device {device}")))?;
    Ok(file)
}

#[expect(unsafe_code, reason = "the kernel reads the request, of the size and form it expects")]
fn name(file: &File, request: Request) -> rustix::io::Result<()> {
    // SAFETY: `TUNSETIFF` reads a `struct ifreq` of 40 octets and keeps no pointer to it.
    unsafe { ioctl(file, Setter::<TUNSETIFF, Request>::new(request)) }
}
