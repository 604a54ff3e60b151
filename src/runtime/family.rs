//! Machines whose kernel knows one family of addresses only, mostly one without IPv6.

use std::io;

use rustix::io::Errno;

/// Whether a socket could not be had because this machine has no addresses of that family at all: IPv6 left out of
/// the kernel, or forbidden to the program.
pub fn lacks_family(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_family_is_no_missing_address() {
        assert!(lacks_family(&Errno::AFNOSUPPORT.into()));
        assert!(!lacks_family(&Errno::ADDRNOTAVAIL.into()));
        assert!(!lacks_family(&io::Error::other("something else")));
    }
}
