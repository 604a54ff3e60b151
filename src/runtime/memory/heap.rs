//! An allocator in front of another: large pieces are mappings of their own, the rest is the other's business.
//!
//! A mapping comes cleared from the kernel and takes memory as far as it is written, and all of it goes back when it
//! is freed. That takes too long for pieces that come and go with each packet, or with each read of a file.

use std::{
    alloc::{GlobalAlloc, Layout},
    ptr,
};

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// Octets from which on a piece is a mapping: more than is read from a file at once. QUIC's receive buffer has two
/// million, of which it seldom uses an eighth.
const LARGE: usize = 512 << 10;
/// The smallest page there is: how mappings are aligned, at least.
const PAGE: usize = 4096;

/// Allocates what is large, and asks another allocator for the rest.
#[derive(Debug)]
pub struct Heap<A>(pub A);

// SAFETY: size and alignment tell of each piece who allocated it, and callers tell them again when they change it or
// give it back: the other allocator meets its own pieces only, with the layouts that it gave them for. Nothing panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            map(layout.size())
        } else {
            // SAFETY: the caller's promise
            unsafe { self.0.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            map(layout.size())
        } else {
            // SAFETY: the caller's promise
            unsafe { self.0.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise. If the kernel cannot split what it has joined, the memory is lost.
        unsafe {
            if is_large(layout) {
                let _ = munmap(piece.cast(), layout.size());
            } else {
                self.0.dealloc(piece, layout);
            }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that size and alignment make a layout, and that the piece has the old one. What
        // goes from one allocator to the other is copied as far as both pieces reach.
        unsafe {
            let new = Layout::from_size_align_unchecked(size, layout.align());
            match (is_large(layout), is_large(new)) {
                (true, true) => {
                    let moved = mremap(piece.cast(), layout.size(), size, MremapFlags::MAYMOVE);
                    moved.map_or(ptr::null_mut(), |moved| moved.cast())
                }
                (false, false) => self.0.realloc(piece, layout, size),
                _ => {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(piece, moved, size.min(layout.size()));
                        self.dealloc(piece, layout);
                    }
                    moved
                }
            }
        }
    }
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

/// A mapping, all octets 0; null if there is no memory.
fn map(size: usize) -> *mut u8 {
    let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a mapping at an address that the kernel chooses touches no other
    let piece = unsafe { mmap_anonymous(ptr::null_mut(), size, rights, flags) };
    piece.map_or(ptr::null_mut(), |piece| piece.cast())
}

#[cfg(test)]
mod tests {
    use std::{alloc::System, slice};

    use super::*;

    const HEAP: Heap<System> = Heap(System);

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn what_grows_and_shrinks_keeps_its_content() {
        let sizes = [100, LARGE - 1, LARGE, 10 * LARGE + 1, 2 * LARGE, LARGE + 1, LARGE - 1, 10];
        // SAFETY: the piece is used as far as its size says, and given back with it
        unsafe {
            let mut piece = HEAP.alloc(layout(10));
            piece.copy_from(b"0123456789".as_ptr(), 10);
            let mut before = 10;
            for size in sizes {
                piece = HEAP.realloc(piece, layout(before), size);
                assert_eq!(slice::from_raw_parts(piece, 10), b"0123456789");
                piece.add(10).write_bytes(7, size - 10); // it is ours to the end
                before = size;
            }
            HEAP.dealloc(piece, layout(before));
        }
    }

    #[test]
    fn what_is_to_be_cleared_is_clear_whatever_was_there_before() {
        for size in [1000, LARGE - 1, LARGE, 3 * LARGE] {
            // SAFETY: as above
            unsafe {
                let piece = HEAP.alloc(layout(size));
                piece.write_bytes(7, size);
                HEAP.dealloc(piece, layout(size));
                let piece = HEAP.alloc_zeroed(layout(size));
                assert!(slice::from_raw_parts(piece, size).iter().all(|octet| *octet == 0));
                HEAP.dealloc(piece, layout(size));
            }
        }
    }

    #[test]
    fn what_is_large_goes_back_when_it_is_freed() {
        let size = 64 * LARGE;
        // SAFETY: as above
        let piece = unsafe { HEAP.alloc(layout(size)) };
        let mapping = || {
            let mappings = std::fs::read_to_string("/proc/self/maps").unwrap();
            let within = |line: &str| {
                let (start, end) = line.split_once(' ')?.0.split_once('-')?;
                let at = |text| usize::from_str_radix(text, 16).ok();
                Some((at(start)?..at(end)?).contains(&piece.addr()))
            };
            mappings.lines().any(|line| within(line) == Some(true))
        };
        assert!(mapping());
        // SAFETY: as above
        unsafe { HEAP.dealloc(piece, layout(size)) };
        assert!(
            !mapping(),
            "what others map meanwhile comes to lie at the upper end of so large a gap"
        );
    }
}
