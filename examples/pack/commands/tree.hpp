#ifndef PACKS_COMMANDS_TREE_HPP
#define PACKS_COMMANDS_TREE_HPP

#include "commands/commands.hpp"

#include <bobbin/pack/tree_reader.hpp>

namespace packs {

/// A path of a snapshot without what says nothing, as in `./d//f/`; empty: the root. Throws Failure
/// where it is none.
std::string path_inside(const Snapshot& snapshot, const std::string& path);

/// The entry at a path of a snapshot; an empty path is the root. Throws Failure where there is none.
bobbin::pack::TreeEntry entry_at(Repository& repository, Source& source, const Snapshot& snapshot,
                                 const std::string& path);

/// Before what is lost is left out: what a damaged pack holds is not lost yet. Throws Failure.
void refuse_damaged_packs(Repository& repository);
/// What to do about what keeps a tree from being read whole.
std::string advice_on_lost(const bobbin::Error& error, bool skips_lost);
/// Of how many names that were left out.
void print_lost(std::uint64_t count);

/// `-rw-r--r--`
std::string mode_text(const bobbin::pack::TreeEntry& entry);
std::string_view kind_text(bobbin::pack::EntryKind kind);

/// Gives the bytes of a file to `f(bytes)`, holes as zeros, chunk by chunk.
template <class F>
bobbin::Result<void> for_each_byte(Source& source, const bobbin::pack::Content& content, F&& f) {
    using namespace bobbin;
    static const std::vector<std::byte> zeros(64 * 1024);
    return pack::detail::read_content(
        source, content, [&](const pack::Extent& extent, ByteView bytes) -> Result<void> {
            if (!extent.is_hole) return f(bytes);
            for (auto left = extent.length; left != 0;) {
                const auto part = std::min<std::uint64_t>(left, zeros.size());
                if (auto done = f(ByteView{zeros}.first(static_cast<std::size_t>(part))); !done)
                    return done;
                left -= part;
            }
            return {};
        });
}

}  // namespace packs

#endif
