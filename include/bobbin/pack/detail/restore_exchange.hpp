#ifndef BOBBIN_PACK_DETAIL_RESTORE_EXCHANGE_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_EXCHANGE_HPP

#include <bobbin/pack/detail/directory_handles.hpp>
#include <bobbin/pack/detail/metadata.hpp>
#include <bobbin/pack/detail/restore_journal.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// Does and undoes the steps of a restore. It goes by what is there and not by what it did before, so
/// that each step may be done and undone again, also by another process after a crash. External sync.
template <TreeFileSystem Fs>
class RestoreExchange {
public:
    /// @param staged where what is new lies, and what it replaced after that
    /// @param removed where what was removed goes
    RestoreExchange(Fs& fs, DirectoryHandles<Fs>& directories, FileHandle staged,
                    FileHandle removed, RefusedMetadata& refused) noexcept
        : fs_{fs}
        , directories_{directories}
        , staged_{staged}
        , removed_{removed}
        , refused_{refused} {}

    /// @param at the step that failed, where one did
    /// @param skips_changed passes over what somebody has changed since, and counts it, instead of
    ///   failing with `ESTALE`
    /// @errors of the file system; some steps may be done
    Result<void> forward(const std::vector<RestoreOperation>& steps, bool skips_changed,
                         std::size_t& at) {
        skips_changed_ = skips_changed;
        for (const auto& step : steps)
            if (step.step == RestoreStep::metadata && is_closed(step))
                if (auto opened = open_up(step); !opened) return opened;
        for (const bool metadata : {false, true})
            for (at = 0; at < steps.size(); ++at) {
                const auto& step = steps[at];
                if ((step.step == RestoreStep::metadata) != metadata) continue;
                if (auto done = forward(step); !done) return done;
            }
        return {};
    }

    /// Goes on where one can't be undone, and tells the first error.
    Result<void> backward(const std::vector<RestoreOperation>& steps) {
        skips_changed_ = true;
        std::optional<Error> first;
        const auto note = [&](const Result<void>& result) {
            if (!result && !first) first = result.error();
        };
        const auto metadata = [&](const RestoreOperation& step) {
            if (step.step == RestoreStep::metadata) note(set_metadata(step, step.metadata->before));
        };
        // First so that names can be changed in the directories, from the top on, and then because
        // that has changed their times.
        for (auto n = steps.size(); n-- > 0;) metadata(steps[n]);
        for (auto n = steps.size(); n-- > 0;)
            if (steps[n].step != RestoreStep::metadata) note(backward(steps[n]));
        for (const auto& step : steps) metadata(step);
        if (first) return *first;
        return {};
    }

    std::uint64_t skipped() const noexcept { return skipped_; }

private:
    using Seen = std::optional<NodeIdentity>;

    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }

    Result<Seen> look(FileHandle dir, const std::string& name) noexcept {
        auto node = call([&] { return fs_.node_at(dir, name.c_str()); });
        if (node) return Seen{NodeIdentity::of(*node)};
        if (node.error().is_errno(ENOENT)) return Seen{};
        return node.error();
    }
    Result<void> move(FileHandle from_dir, const std::string& from, FileHandle dir,
                      const std::string& name, MoveMode mode = MoveMode::no_replace) noexcept {
        auto moved =
            call([&] { return fs_.move_at(from_dir, from.c_str(), dir, name.c_str(), mode); });
        if (moved || mode != MoveMode::no_replace || !moved.error().is(Errc::not_supported))
            return moved;
        auto there = look(dir, name);
        if (!there) return there.error();
        if (*there) return Error::system(EEXIST, Operation::rename);
        return call([&] {
            return fs_.move_at(from_dir, from.c_str(), dir, name.c_str(), MoveMode::replace);
        });
    }
    Result<void> changed_meanwhile() noexcept {
        if (!skips_changed_) return Error::system(ESTALE, Operation::rename);
        ++skipped_;
        return {};
    }

    Result<void> forward(const RestoreOperation& step) {
        if (step.step == RestoreStep::metadata) return set_metadata(step, step.metadata->wanted);
        auto dir = directories_.open(step.dir);
        if (!dir) return dir.error();
        auto there = look(**dir, step.name);
        if (!there) return there.error();
        const auto number = std::to_string(step.number);
        if (step.step == RestoreStep::remove) {
            if (*there == step.before) return move(**dir, step.name, removed_, number);
            if (!*there && skips_changed_) return {};
            return changed_meanwhile();
        }
        if (*there == step.staged) return {};
        auto staged = look(staged_, number);
        if (!staged) return staged.error();
        if (*staged != step.staged) return changed_meanwhile();
        if (!*there) {
            if (step.step == RestoreStep::create) return move(staged_, number, **dir, step.name);
            auto out = look(removed_, number);  // by the second way of `replace`
            if (!out) return out.error();
            if (*out == step.before) return move(staged_, number, **dir, step.name);
        } else if (step.step == RestoreStep::replace && *there == step.before) {
            return replace(**dir, step.name, number);
        }
        return changed_meanwhile();
    }

    Result<void> replace(FileHandle dir, const std::string& name, const std::string& number) {
        auto done = move(staged_, number, dir, name, MoveMode::exchange);
        if (done || !done.error().is(Errc::not_supported)) return done;
        // For a moment there is nothing, which the journal knows.
        if (auto out = move(dir, name, removed_, number); !out) return out;
        auto in = move(staged_, number, dir, name);
        if (!in) (void)move(removed_, number, dir, name);
        return in;
    }

    Result<void> backward(const RestoreOperation& step) {
        auto dir = directories_.open(step.dir);
        if (!dir) return dir.error();
        auto there = look(**dir, step.name);
        if (!there) return there.error();
        const auto number = std::to_string(step.number);
        if (step.step == RestoreStep::create) {
            if (*there != step.staged) return {};
            return move(**dir, step.name, staged_, number);
        }
        auto out = look(removed_, number);
        if (!out) return out.error();
        if (step.step == RestoreStep::replace) {
            auto exchanged = look(staged_, number);
            if (!exchanged) return exchanged.error();
            if (*there == step.staged && *exchanged == step.before)
                return move(**dir, step.name, staged_, number, MoveMode::exchange);
            if (*out != step.before) return {};
            if (*there == step.staged) {
                if (auto back = move(**dir, step.name, staged_, number); !back) return back;
                there = Seen{};
            }
        }
        if (*out != step.before) return {};
        if (*there) return changed_meanwhile();
        return move(removed_, number, **dir, step.name);
    }

    /// What stays, opened.
    template <class F>
    Result<void> with(const RestoreOperation& step, F&& f) {
        auto dir = directories_.open(step.dir);
        if (!dir) return dir.error();
        if (step.name.empty()) return f(**dir);
        auto file = call([&] { return fs_.open_at(**dir, step.name.c_str(), OpenMode::read); });
        if (!file) {
            if (file.error().is_errno(ENOENT)) return changed_meanwhile();
            return file.error();
        }
        auto done = f(*file);
        (void)fs_.close(*file);
        return done;
    }
    Result<void> set_metadata(const RestoreOperation& step, const TreeEntry& to) {
        return with(step, [&](FileHandle h) -> Result<void> {
            auto now = call([&] { return fs_.node(h); });
            if (!now) return now.error();
            if (now->inode != step.before.inode) return changed_meanwhile();
            auto attributes = or_none(fs_.attributes(h));
            if (!attributes) return attributes.error();
            if (has_metadata(*now, *attributes, to)) return {};
            return MetadataTarget<Fs>{fs_, h}.set(to, *now, *attributes, refused_);
        });
    }

    /// Whether its owner may not change names in it.
    static bool is_closed(const RestoreOperation& step) noexcept {
        return step.name.empty() && (step.metadata->before.mode & 0700) != 0700;
    }
    Result<void> open_up(const RestoreOperation& step) {
        return with(step, [&](FileHandle h) -> Result<void> {
            auto opened = call([&] { return fs_.set_mode(h, step.metadata->before.mode | 0700); });
            if (!opened && !is_refusal(opened.error())) return opened;
            return {};
        });
    }

    Fs& fs_;
    DirectoryHandles<Fs>& directories_;
    FileHandle staged_;
    FileHandle removed_;
    RefusedMetadata& refused_;
    std::uint64_t skipped_ = 0;
    bool skips_changed_ = false;
};

}  // namespace bobbin::pack::detail

#endif
