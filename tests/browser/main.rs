//! What a person sees: headless Chromium, driven by WebDriver, in front of real `p2p` processes.
//!
//! With `P2P_SCREENSHOTS=DIR` every page that [`looks`] visits is kept there as a picture.

mod application;
mod dashboard;
mod driver;
mod failures;
mod folder;
mod looks;
mod scene;
mod site;
mod trust;
mod walls;
