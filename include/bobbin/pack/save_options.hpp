#ifndef BOBBIN_PACK_SAVE_OPTIONS_HPP
#define BOBBIN_PACK_SAVE_OPTIONS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/error.hpp>
#include <bobbin/pack/ignore.hpp>
#include <bobbin/pack/owner_names.hpp>
#include <bobbin/pack/tree.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bobbin::pack {

/// What a save could not do as it should.
enum class SaveProblemKind : std::uint8_t {
    unreadable,             ///< left out, with all beneath a directory; or beyond `TreeLimits`
    vanished,               ///< left out: it was listed, and has gone or become something else
    special_file,           ///< left out: a device, socket or fifo
    changed_while_read,     ///< saved, but its bytes may never have been like that at one time
    attributes_unreadable,  ///< saved without its extended attributes
    rules_unreadable,       ///< of a `.bobbinignore`: all beneath was saved as if it were not there
    unfinished_restore,     ///< left out: what a restore has staged that runs, or was stopped
    reserved_name,          ///< left out: a restore needs this name at the root for itself
};

constexpr std::string_view name_of(SaveProblemKind kind) noexcept {
    constexpr std::string_view names[] = {
        "unreadable",
        "vanished",
        "special file",
        "changed while it was read",
        "extended attributes unreadable",
        "ignore rules unreadable",
        "a restore has not ended here, its own files are left out",
        "left out, as a restore needs this name here for its own files"};
    return names[static_cast<std::size_t>(kind)];
}

struct SaveProblem {
    std::string path;  ///< bytes, relative to what is saved; empty: that itself
    SaveProblemKind kind = SaveProblemKind::unreadable;
    Error error;  ///< code 0 where no call failed
};

/// What a save has done so far. Bytes are those of contents, but for the last two.
template <class Number>
struct SaveTally {
    Number files{};
    Number directories{};
    Number symlinks{};
    Number unchanged{};  ///< files that were not read
    Number problems{};
    Number bytes{};         ///< of all files, holes included
    Number bytes_read{};    ///< from the file system
    Number bytes_new{};     ///< of chunks that were not stored yet, tree nodes included
    Number bytes_stored{};  ///< those, compressed

    /// Adds all of `other`.
    template <class Other>
    void add(const SaveTally<Other>& other) noexcept {
        const auto sum = [](Number& to, const Other& from) {
            if constexpr (requires { to.fetch_add(from, std::memory_order_relaxed); }) {
                to.fetch_add(from, std::memory_order_relaxed);
            } else {
                to += from;
            }
        };
        sum(files, other.files);
        sum(directories, other.directories);
        sum(symlinks, other.symlinks);
        sum(unchanged, other.unchanged);
        sum(problems, other.problems);
        sum(bytes, other.bytes);
        sum(bytes_read, other.bytes_read);
        sum(bytes_new, other.bytes_new);
        sum(bytes_stored, other.bytes_stored);
    }
};
using SaveCounts = SaveTally<std::uint64_t>;
/// For those who look on from another thread; the numbers are not all of one moment.
using SaveProgress = SaveTally<std::atomic<std::uint64_t>>;

struct SaveOptions {
    /// From outside of the tree, outermost first; the `.bobbinignore` files come after them.
    std::vector<std::shared_ptr<const IgnoreRules>> rules;
    bool reads_ignore_files = true;
    /// Of a directory with a CACHEDIR.TAG only that is saved.
    bool excludes_caches = false;
    /// Where another file system is mounted, an empty directory is saved.
    bool one_file_system = false;

    /// A directory that is left out, such as that of the store.
    struct Node {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        friend bool operator==(const Node&, const Node&) = default;
    };
    std::vector<Node> left_out;

    unsigned threads = 0;  ///< 0: as many as the processor runs; at most `most_threads`
    static constexpr unsigned most_threads = 32;

    Bytes largest_whole{128 * 1024};  ///< a longer file is cut by the chunker; up to 16 MiB
    Bytes group{1024 * 1024};         ///< raw bytes of small files that are compressed together

    std::function<std::string(std::uint32_t)> user_name = system_user_name;
    std::function<std::string(std::uint32_t)> group_name = system_group_name;

    /// Called from any thread, one call at a time. Does not throw.
    std::function<void(const SaveProblem&)> on_problem;
    SaveProgress* progress = nullptr;
    std::stop_token stop;
};

struct SavedTree {
    TreeEntry root;  ///< of the name "root"
    SaveCounts counts;
};

}  // namespace bobbin::pack

#endif
