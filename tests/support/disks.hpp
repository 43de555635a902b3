// Disks of known speed and groups of limited memory, for root. What can't be had says why.
#ifndef BOBBIN_TESTS_SUPPORT_DISKS_HPP
#define BOBBIN_TESTS_SUPPORT_DISKS_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bobbin_tests {

inline std::string output_of(const std::string& command) {
    std::string out;
    if (auto* pipe = ::popen((command + " 2>/dev/null").c_str(), "r")) {
        char part[256];
        while (std::fgets(part, sizeof part, pipe)) out += part;
        if (::pclose(pipe) != 0) out.clear();
    }
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}
inline bool runs(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}
inline bool put(const std::string& path, const std::string& text) {
    std::ofstream file{path};
    return static_cast<bool>(file << text << std::flush);
}

// An ext4 on a loop device over a file, without a cache of its own, throttled by the root group's blkio.
class ThrottledDisk {
public:
    static constexpr const char* limits = "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device";

    ThrottledDisk(const std::string& where, std::uint64_t bytes, std::uint64_t bytes_per_second) {
        why_ = make(where, bytes, bytes_per_second);
    }
    ThrottledDisk(const ThrottledDisk&) = delete;
    ThrottledDisk& operator=(const ThrottledDisk&) = delete;
    ~ThrottledDisk() {
        if (is_throttled_) put(limits, number_ + " 0");
        if (is_mounted_) runs("umount " + place_);
        if (!device_.empty()) runs("losetup -d " + device_);
        if (!place_.empty()) ::rmdir(place_.c_str());
        if (!image_.empty()) ::unlink(image_.c_str());
    }

    bool is_there() const { return why_.empty(); }
    const std::string& why() const { return why_; }
    const std::string& place() const { return place_; }

private:
    // Empty, or why there is none.
    std::string make(const std::string& where, std::uint64_t bytes,
                     std::uint64_t bytes_per_second) {
        if (::geteuid() != 0) return "not run by root";
        if (::access(limits, W_OK) != 0) return "no blkio group of cgroup v1";
        image_ = where + "/disk.img";
        place_ = where + "/mount";
        if (!runs("fallocate -l " + std::to_string(bytes) + " " + image_))
            return "no room for an image";
        device_ = output_of("losetup --find --show --direct-io=on " + image_);
        if (device_.empty()) return "no loop device";
        if (!runs("mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 " + device_) ||
            ::mkdir(place_.c_str(), 0700) != 0 || !runs("mount " + device_ + " " + place_))
            return "the loop device can't be mounted";
        is_mounted_ = true;
        struct stat s {};
        if (::stat(device_.c_str(), &s) != 0) return "the loop device is not there";
        number_ = std::to_string(major(s.st_rdev)) + ':' + std::to_string(minor(s.st_rdev));
        if (!put(limits, number_ + ' ' + std::to_string(bytes_per_second)))
            return "it can't be throttled";
        is_throttled_ = true;
        return {};
    }
    std::string why_, image_, place_, device_, number_;
    bool is_mounted_ = false, is_throttled_ = false;
};

// A memory group of cgroup v1.
class MemoryGroup {
public:
    explicit MemoryGroup(std::uint64_t limit) : path_{"/sys/fs/cgroup/memory/bobbin-benchmark"} {
        is_made_ = ::mkdir(path_.c_str(), 0755) == 0;
        is_there_ = is_made_ && put(path_ + "/memory.limit_in_bytes", std::to_string(limit));
    }
    MemoryGroup(const MemoryGroup&) = delete;
    MemoryGroup& operator=(const MemoryGroup&) = delete;
    ~MemoryGroup() {
        if (is_made_) ::rmdir(path_.c_str());
    }
    bool is_there() const { return is_there_; }
    bool enter() const { return put(path_ + "/cgroup.procs", std::to_string(::getpid())); }

private:
    std::string path_;
    bool is_made_ = false, is_there_ = false;
};

// Bytes that this process had read from a disk.
inline std::uint64_t bytes_read_from_disk() {
    std::ifstream io{"/proc/self/io"};
    std::string name;
    std::uint64_t value = 0;
    while (io >> name >> value)
        if (name == "read_bytes:") return value;
    return 0;
}

}  // namespace bobbin_tests

#endif
