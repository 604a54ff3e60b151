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

/// Draws a line for each: its name, and what a user costs a day.
pub(crate) fn growth(lines: &[(&str, f64)]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Octets a day over users</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
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
    for ((name, day), colour) in lines.iter().zip(["#999", "#06c", "#c60"]) {
        let (first, last) = (FROM + day.log10(), TO + day.log10());
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
            x(FROM),
            y(first),
            x(TO),
            y(last),
            x(TO) + 6.0,
            y(last) + 4.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn x(power: f64) -> f64 {
    MARGIN + (power - FROM) / (TO - FROM) * (WIDTH - 2.0 * MARGIN)
}

fn y(power: f64) -> f64 {
    HEIGHT - MARGIN - (power - LEAST) / (MOST - LEAST) * (HEIGHT - 2.0 * MARGIN)
}
