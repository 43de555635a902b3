#ifndef BOBBIN_PACK_VERIFY_HPP
#define BOBBIN_PACK_VERIFY_HPP

#include <bobbin/pack/pack_view.hpp>
#include <bobbin/pack/pack_writer.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bobbin::pack {

struct VerifyOptions {
    unsigned percent = 100;  ///< of the packs whose bytes are read, at least one; indexes all are
    std::uint64_t seed = 0;  ///< which these are
    ObjectId after{};        ///< packs with higher numbers only
    /// Called now and then with what has been read of what there is, bytes.
    std::function<void(Bytes /*read*/, Bytes /*all*/)> progress{};
};

/// A chunk that is stored and can't be served from there: it is damaged, or the disk refuses it.
template <ContentDigest D>
struct ChunkProblem {
    ObjectId pack;
    Key<D> key{};
    Error error;
};

template <ContentDigest D>
struct VerifyReport {
    std::uint64_t packs = 0;
    std::uint64_t packs_read = 0;
    std::uint64_t chunks = 0;  ///< whose bytes were read
    Bytes read;
    std::vector<PackProblem> packs_damaged;  ///< that can't be opened; none of their chunks counts
    std::vector<ChunkProblem<D>> chunks_damaged;
    std::vector<PackProblem> unreadable;  ///< likewise, as the disk refuses them

    bool is_sound() const noexcept {
        return packs_damaged.empty() && chunks_damaged.empty() && unreadable.empty();
    }
};

namespace detail {

/// The packs whose bytes are read, sorted.
template <class Rows>
std::vector<ObjectId> choose_packs(const Rows& packs, const VerifyOptions& options) {
    std::vector<ObjectId> chosen, others;
    for (const auto& row : packs) {
        if (row.id <= options.after) continue;
        const auto hash = (row.id.value ^ options.seed) * 0x9E3779B97F4A7C15u;
        ((hash >> 32) % 100 < options.percent ? chosen : others).push_back(row.id);
    }
    // A small share of few packs may be none of them: they take turns.
    if (chosen.empty() && !others.empty() && options.percent != 0)
        chosen.push_back(others[static_cast<std::size_t>(options.seed % others.size())]);
    std::ranges::sort(chosen);
    return chosen;
}

}  // namespace detail

/// Reads packs, and compares all their bytes with the digests by which they are asked for.
/// @errors `out_of_memory`; of the store. What is wrong with packs stands in the report.
template <class C, ContentDigest D, class Known>
Result<VerifyReport<D>> verify_packs(const PackView<C, D, Known>& view,
                                     const VerifyOptions& options = {}) noexcept {
    return bobbin::detail::without_throwing(Operation::verify, [&]() -> Result<VerifyReport<D>> {
        VerifyReport<D> report;
        Bytes all;
        for (const auto& row : view.packs())
            if (row.id > options.after) all += row.size;
        const auto chosen = detail::choose_packs(view.packs(), options);
        Bytes done;
        for (const auto& row : view.packs()) {
            if (row.id <= options.after) continue;
            ++report.packs;
            auto pack = view.open(row.id);
            if (!pack) {
                if (pack.error().is(Errc::out_of_memory)) return pack.error();
                const PackProblem problem{row.id, pack.error()};
                (problem.is_refused() ? report.unreadable : report.packs_damaged)
                    .push_back(problem);
            } else if (std::ranges::binary_search(chosen, row.id)) {
                ++report.packs_read;
                report.chunks += pack->chunks();
                report.read += row.size;
                auto read = pack->verify([&](const auto& location, const Error& error) {
                    report.chunks_damaged.push_back({row.id, location.key, error});
                });
                if (!read) return read.error();
            }
            done += row.size;
            if (options.progress) options.progress(done, all);
        }
        return report;
    });
}

/// A file or directory of a tree that can't be restored whole.
struct TreeProblem {
    std::string path;  ///< below the root; empty: the root itself
    Error error;
};

namespace detail {

/// Walks a tree and looks where each of its chunks is.
template <ChunkSource S, class IsGood>
class TreeCheck {
public:
    TreeCheck(S& source, IsGood& is_good, std::vector<TreeProblem>& problems) noexcept
        : source_{source}
        , is_good_{is_good}
        , problems_{problems} {}

    /// Directory by directory, so that one that is damaged hides no other.
    Result<void> run(const TreeEntry& root) {
        if (root.kind != EntryKind::directory) {
            files_.push_back({{}, root.content, 0});
            return check_files();
        }
        directories_.push_back({{}, root.content, 0});
        while (!directories_.empty()) {
            const auto directory = std::move(directories_.back());
            directories_.pop_back();
            const auto before = directories_.size();
            if (directory.depth > TreeLimits::depth) {
                problems_.push_back(
                    {directory.path, Error{Errc::not_supported, Operation::decode}});
                continue;
            }
            auto read = for_each_entry(source_, directory.content, [&](TreeEntry& entry) {
                note(directory, entry);
                return Result<bool>{true};
            });
            if (!read) {
                if (read.error().is(Errc::out_of_memory)) return read;
                problems_.push_back({directory.path, read.error()});
            }
            std::reverse(directories_.begin() + static_cast<std::ptrdiff_t>(before),
                         directories_.end());
            if (auto checked = check_files(); !checked) return checked;
        }
        return {};
    }

private:
    struct Place {
        std::string path;
        Content content;
        std::size_t depth = 0;  ///< of a directory
    };

    /// What needs the source waits until it is free.
    void note(const Place& above, const TreeEntry& entry) {
        auto path = above.path.empty() ? entry.name : above.path + '/' + entry.name;
        if (entry.kind == EntryKind::directory)
            directories_.push_back({std::move(path), entry.content, above.depth + 1});
        else if (entry.content.level != 0)
            files_.push_back({std::move(path), entry.content, 0});
        else
            check(path, entry.content);
    }

    void check(const std::string& path, const Content& content) {
        for (const auto& extent : content.extents)
            if (!extent.is_hole)
                if (auto error = is_good_(extent.address)) {
                    problems_.push_back({path, *error});
                    return;
                }
    }

    /// Those with lists, now that the source is free.
    Result<void> check_files() {
        for (const auto& [path, content, depth] : std::exchange(files_, {})) {
            std::optional<Error> wrong;
            auto walked = for_each_chunk(
                content, [&](const Address& address) { return read_list(source_, address); },
                [&](const Extent& extent) -> Result<void> {
                    if (!wrong && !extent.is_hole) wrong = is_good_(extent.address);
                    return {};
                });
            if (!walked && walked.error().is(Errc::out_of_memory)) return walked;
            if (!walked) wrong = walked.error();
            if (wrong) problems_.push_back({path, *wrong});
        }
        return {};
    }

    S& source_;
    IsGood& is_good_;
    std::vector<TreeProblem>& problems_;
    std::vector<Place> directories_;
    std::vector<Place> files_;
};

}  // namespace detail

/// Tells what of a tree can't be restored, with the paths.
/// @param is_good gives, of an address, an optional Error: why the chunk can't be served
/// @errors `out_of_memory`
template <ChunkSource S, class IsGood>
Result<std::vector<TreeProblem>> verify_tree(S& source, const TreeEntry& root,
                                             IsGood&& is_good) noexcept {
    return bobbin::detail::without_throwing(Operation::verify,
                                            [&]() -> Result<std::vector<TreeProblem>> {
                                                std::vector<TreeProblem> problems;
                                                detail::TreeCheck check{source, is_good, problems};
                                                if (auto done = check.run(root); !done)
                                                    return done.error();
                                                return problems;
                                            });
}

/// Which chunks can be served, as far as is known: those that are listed, but for those that a
/// verification could not read. Look-ups may run at once. Must outlive neither.
template <class View, ContentDigest D>
class ChunkHealth {
public:
    ChunkHealth(const View& view, const VerifyReport<D>& packs) : view_{view} {
        for (const auto* list : {&packs.packs_damaged, &packs.unreadable})
            for (const auto& problem : *list) packs_.emplace(problem.pack, problem.error);
        for (const auto& problem : packs.chunks_damaged)
            chunks_.emplace(problem.key, std::pair{problem.pack, problem.error});
    }

    /// Why a chunk can't be served from any pack, if so.
    std::optional<Error> operator()(const Key<D>& key) const {
        std::optional<Error> why;
        bool is_found = false;
        view_.chunks().find_copy(key, [&](const PackedChunk& copy) {
            is_found = true;
            why = of_copy(key, copy.pack);
            return !why;
        });
        if (!is_found) return view_.not_found();
        return why;
    }

private:
    std::optional<Error> of_copy(const Key<D>& key, ObjectId pack) const {
        if (const auto known = packs_.find(pack); known != packs_.end()) return known->second;
        const auto [first, last] = chunks_.equal_range(key);
        const auto here = std::find_if(
            first, last, [&](const auto& known) { return known.second.first == pack; });
        if (here == last) return {};
        return here->second.second;
    }

    const View& view_;
    std::map<ObjectId, Error> packs_;
    std::unordered_multimap<Key<D>, std::pair<ObjectId, Error>, detail::KeyHash> chunks_;
};

}  // namespace bobbin::pack

#endif
