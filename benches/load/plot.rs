//! Growth as a picture: octets a day over users, both logarithmic.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 60.0;
/// Users, as powers of ten.
const FROM: f64 = 3.301;
const TO: f64 = 6.0;
/// Octets a day, as powers of ten.
const LEAST: f64 = 7.0;
const MOST: f64 = 13.0;

/// What was measured of so many users.
pub(crate) struct Dot {
    pub(crate) users: f64,
    /// Of a day.
    pub(crate) octets: f64,
    /// Of a sample, beside the packets of everybody.
    pub(crate) is_sampled: bool,
}

/// Draws the paper's line and ours, which goes through what was measured and no further.
pub(crate) fn growth(paper_user: f64, measured: &[Dot]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Octets a day over users</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    axes(&mut svg);
    let (first, million) = (10f64.powf(FROM), 10f64.powf(TO));
    let ends = [(first, first * paper_user), (million, million * paper_user)];
    line(&mut svg, "paper", "#999", &ends);
    let ours: Vec<_> = measured.iter().map(|dot| (dot.users, dot.octets)).collect();
    line(&mut svg, "p2p", "#06c", &ours);
    for Dot { users, octets, is_sampled } in measured {
        circle(&mut svg, x(users.log10()), y(octets.log10()), *is_sampled);
    }
    let (x, y) = (MARGIN + 12.0, HEIGHT - MARGIN - 24.0);
    for (is_sampled, row, text) in [
        (false, 0.0, "measured: all users register and visit friends"),
        (true, 16.0, "measured: all have packets in the store, a sample registers and visits"),
    ] {
        circle(&mut svg, x, y + row, is_sampled);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{text}</text>", x + 10.0, y + row + 4.0);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A dot, or a ring.
fn circle(svg: &mut String, x: f64, y: f64, is_ring: bool) {
    let fill = if is_ring { "white" } else { "#06c" };
    let _ = writeln!(
        svg,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"#06c\" stroke-width=\"2\"/>"
    );
}

fn axes(svg: &mut String) {
    for power in 7..=13 {
        let (y, x) = (y(f64::from(power)), MARGIN);
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {y:.0}H{:.0}\" stroke=\"#ddd\"/>\
             <text x=\"8\" y=\"{:.0}\">10^{power} B</text>",
            WIDTH - MARGIN,
            y + 4.0
        );
    }
    for (users, label) in [(2e3, "2 000"), (1e4, "10 000"), (1e5, "100 000"), (1e6, "1 000 000")] {
        let (x, y) = (x(f64::log10(users)), HEIGHT - MARGIN + 20.0);
        let _ =
            writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"middle\">{label}</text>");
    }
}

fn line(svg: &mut String, name: &str, colour: &str, points: &[(f64, f64)]) {
    let at =
        |(users, octets): &(f64, f64)| format!("{:.1} {:.1}", x(users.log10()), y(octets.log10()));
    let path = points.iter().map(at).collect::<Vec<_>>().join("L");
    let _ =
        writeln!(svg, "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
    if let Some((users, octets)) = points.last() {
        let (x, y) = (x(users.log10()) + 6.0, y(octets.log10()) + 4.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{name}</text>");
    }
}

fn x(power: f64) -> f64 {
    MARGIN + (power - FROM) / (TO - FROM) * (WIDTH - 2.0 * MARGIN)
}

fn y(power: f64) -> f64 {
    HEIGHT - MARGIN - (power - LEAST) / (MOST - LEAST) * (HEIGHT - 2.0 * MARGIN)
}
