#!/bin/sh
# pi1-image.sh ROOT KERNEL FOLDER: makes of a root file system and Debian's kernel package what qemu boots
# as a Raspberry Pi 1: FOLDER/vmlinuz, board.dtb, initrd.gz and sd.img.
set -eu
root=$1 kernel=$2 folder=$3
mkdir -p "$folder/kernel"
dpkg-deb -x "$kernel" "$folder/kernel"
cp "$folder"/kernel/boot/vmlinuz-* "$folder/vmlinuz"
cp "$folder"/kernel/usr/lib/linux-image-*/bcm2835-rpi-b-plus.dtb "$folder/board.dtb"

# The disk's file system and the network card are modules: an initrd with busybox loads them.
start=$folder/initrd
mkdir -p "$start/bin" "$start/dev" "$start/proc" "$start/sys" "$start/mnt" "$start/modules"
cp "$root/bin/busybox" "$start/bin/"
modules='crc32c_generic crc16 mbcache jbd2 ext4 mii usbnet cdc_ether rndis_host cdc_subset'
for each in $modules; do
  find "$folder"/kernel/lib/modules/*/kernel -name "$each.ko" -exec cp {} "$start/modules/" \;
done
cat >"$start/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for each in $modules; do /bin/busybox insmod /modules/\$each.ko; done
until [ -b /dev/mmcblk0 ]; do /bin/busybox sleep 1; done
/bin/busybox mount -t ext4 /dev/mmcblk0 /mnt || exec /bin/busybox sh
exec /bin/busybox switch_root /mnt /sbin/init
INIT
chmod 755 "$start/init"
(cd "$start" && find . | cpio --quiet -o -H newc | gzip -1) >"$folder/initrd.gz"
rm -rf "$folder/kernel" "$start"

# A card's size is a power of two.
truncate -s 1G "$folder/sd.img"
mkfs.ext4 -q -F -O ^has_journal -d "$root" "$folder/sd.img"
