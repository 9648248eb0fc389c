# What a kernel says of who built it, and when: the same in every kernel that kflake builds, and in every image of its.
[
  "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:01 UTC 1970"
  "KBUILD_BUILD_USER=kflake"
  "KBUILD_BUILD_HOST=kflake"
  "KBUILD_BUILD_VERSION=1"
]
