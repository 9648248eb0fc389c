//! What a boot is put together from, as Nix: QEMU's command line and the kind of init.

mod common;

use serde_json::{Value, json};

/// `code` with `boots` and `matrix` in scope, in a project of the whole matrix.
fn eval(code: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    common::succeeded(common::kflake(dir.path(), &["gen", "--packages", "debian"]));
    let expression = format!(
        r#"
        let
          matrix = import ./matrix.nix;
          boots = import ./boot.nix {{ pkgs = import ./debian-packages {{ }}; elfTools = "/elf.sh"; }};
        in
        {code}"#
    );
    common::eval(dir.path(), &expression)
}

fn command(board: &str) -> Vec<String> {
    let value = eval(&format!(
        r#"boots.qemuCommand {{
          board = matrix.boards.{board};
          kernel.image = "/vmlinux";
          initramfs = null;
          initrd = "/a,b.cpio";
        }}"#
    ));
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_board_may_place_its_initramfs() {
    if !common::have_nix() {
        return;
    }
    let words = command("mipsel-malta");
    let at = words.iter().position(|word| word == "-initrd").unwrap();
    assert_eq!(words[at + 1], "/a,b.cpio");

    let words = command("mipsel-malta-low-initrd");
    assert!(!words.contains(&"-initrd".to_owned()), "{words:?}");
    let loader = "loader,file=/a,,b.cpio,addr=0x2000000,force-raw=on";
    assert!(words.contains(&loader.to_owned()), "{words:?}");
    let told =
        "console=ttyS0 kflake_end=reboot rd_start=0x82000000 rd_size=0x2000000 panic=-1".to_owned();
    assert!(words.contains(&told), "{words:?}");
}

/// The flags of init for a kernel: what the toolchain's libc starts on decides.
#[test]
fn a_libc_that_refuses_the_kernel_is_left_out_of_init() {
    if !common::have_nix() {
        return;
    }
    let flags = eval(
        r#"map (kernel: (boots.initramfs {
             toolchain = { libc = "glibc-2.31"; target = "arm-linux-gnueabi"; name = "t"; outPath = "/t";
               spec = matrix.toolchains."debian-10.2.1-armel"; arch = matrix.arches.armel; };
             inherit kernel;
           }).initFlags) [ "2.6.31" "3.1.10" "3.2" "3.4.113" ]"#,
    );
    let bare = "-DKFLAKE_BARE -ffreestanding -nostdlib -fno-pic -Wl,-e,_start";
    assert_eq!(flags, json!([bare, bare, "", ""]));
}
