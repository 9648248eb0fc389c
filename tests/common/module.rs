/// A kernel module for a little-endian 64-bit `machine` that has nothing but what it says of itself.
pub fn module(machine: u16, vermagic: &str) -> Vec<u8> {
    let facts = format!("license=GPL\0vermagic={vermagic} \0name=x\0");
    let names = b"\0.modinfo\0.shstrtab\0";
    let table = 64 + facts.len() + names.len();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut half = |words: &[u16]| file.extend(words.iter().flat_map(|it| it.to_le_bytes()));
    let words = |number: u64| [0, 16, 32, 48].map(|shift| (number >> shift) as u16);
    half(&[1, machine, 1, 0]);
    for number in [0, 0, table as u64] {
        half(&words(number));
    }
    half(&[0, 0, 64, 0, 0, 64, 3, 2]);
    file.extend(facts.bytes());
    file.extend(names);
    for (name, kind, at, size) in [
        (0, 0, 0, 0),
        (1, 1, 64, facts.len()),
        (10, 3, 64 + facts.len(), names.len()),
    ] {
        for number in [kind << 32 | name, 0, 0, at as u64, size as u64, 0, 0, 0] {
            file.extend(u64::to_le_bytes(number));
        }
    }
    file
}
