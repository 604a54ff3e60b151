use super::*;

#[test]
fn every_command_and_option_is_in_every_script() {
    let table = table(&commands());
    assert!(table.len() > 12);
    for script in [bash::script(&table), zsh::script(&table), fish::script(&table)] {
        for entry in &table {
            for option in &entry.options {
                let name = option.long.trim_start_matches('-');
                assert!(script.contains(name), "{} --{name} in\n{script}", entry.path());
            }
            assert!(script.contains(entry.path.last().unwrap()));
        }
    }
}

#[test]
fn the_program_comes_first_and_is_named_as_typed() {
    let table = table(&commands());
    assert_eq!(table[0].path, ["p2p"]);
    assert!(table[0].leads_on());
    assert!(table.iter().any(|entry| entry.path == ["p2p", "contact", "add"]));
}
