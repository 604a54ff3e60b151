//! A share link as QR code, for a terminal and as SVG.

use std::fmt;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::identity::ShareLink;

/// The code of a link.
pub struct ShareCode(QrCode);

/// White modules around the code, as readers need them.
const MARGIN: i32 = 4;

impl ShareCode {
    /// The code; None where the link is too long for one. Name and key in upper case take less room; a reader
    /// takes them as they are.
    pub fn of(link: &ShareLink) -> Option<ShareCode> {
        let text = link.to_string();
        let (who, overlays) = text.split_once('?').unwrap_or((&text, ""));
        let text = match overlays {
            "" => who.to_uppercase(),
            overlays => format!("{}?{overlays}", who.to_uppercase()),
        };
        QrCode::encode_text(&text, QrCodeEcc::Low).ok().map(ShareCode)
    }

    /// Two modules a character, dark on light whatever the terminal's colours are.
    pub fn terminal(&self) -> String {
        let code = &self.0;
        let end = code.size() + MARGIN;
        let mut text = String::new();
        for y in (-MARGIN..end).step_by(2) {
            text.push_str("\x1b[38;5;16;48;5;231m");
            for x in -MARGIN..end {
                text.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str("\x1b[0m\n");
        }
        text.trim_end().to_owned()
    }

    /// A drawing, which also stands in a page as it is.
    pub fn svg(&self) -> String {
        let code = &self.0;
        let side = code.size() + 2 * MARGIN;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + MARGIN, y + MARGIN));
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <path d=\"{path}\"/>\n</svg>\n"
        )
    }
}

impl fmt::Debug for ShareCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareCode")
    }
}
