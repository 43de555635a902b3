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
/// that each step may be done and undone again, also by another process after a crash. What somebody
/// has changed since the journal was written is left alone, and nothing of theirs is moved to where it
/// would be removed. External sync.
template <TreeFileSystem Fs>
class RestoreExchange {
public:
    /// @param staged where what is new lies, and what it replaced after that
    /// @param removed where what was removed goes
    /// @param since when the journal was written, by the clock of the file system
    RestoreExchange(Fs& fs, DirectoryHandles<Fs>& directories, FileHandle staged,
                    FileHandle removed, const FileTime& since, RefusedMetadata& refused) noexcept
        : fs_{fs}
        , directories_{directories}
        , staged_{staged}
        , removed_{removed}
        , since_{since}
        , refused_{refused} {}

    /// @param at the step that failed, where one did
    /// @param skips_changed passes over what somebody has changed since, and counts it, instead of
    ///   failing with `ESTALE`
    /// @errors of the file system; some steps may be done
    Result<void> forward(const std::vector<RestoreOperation>& steps, bool skips_changed,
                         std::size_t& at) {
        skips_changed_ = skips_changed;
        if (auto opened = open_up(steps); !opened) return opened;
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
        skipped_ = 0;
        std::optional<Error> first;
        const auto note = [&](const Result<void>& result) {
            if (!result && !first) first = result.error();
        };
        note(open_up(steps));
        for (auto n = steps.size(); n-- > 0;)
            if (steps[n].step != RestoreStep::metadata) note(backward(steps[n]));
        // Last, as changes of names have changed the times of directories.
        for (const auto& step : steps)
            if (step.step == RestoreStep::metadata) {
                const auto set = set_metadata(step, step.metadata->before);
                note(set ? Result<void>{} : set.error());
            }
        if (first) return *first;
        return {};
    }

    /// Names that somebody had changed: in the last direction.
    std::uint64_t skipped() const noexcept { return skipped_; }
    /// Whether what a name had before could not be given back to it, and is still staged or removed.
    bool has_stranded() const noexcept { return has_stranded_; }

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
    Result<void> strand() noexcept {
        has_stranded_ = true;
        return changed_meanwhile();
    }
    /// Whether somebody has taken it away, put something else in its place, or closed the way to it.
    bool is_gone(const Error& error) const noexcept {
        return error.is_errno(ENOENT) || error.is_errno(ENOTDIR) || error.is_errno(ELOOP) ||
               (skips_changed_ && error.is_errno(EACCES));
    }

    /// Whether somebody may have written in a directory since, however deep. A move changes the time of
    /// the status alone, and a time of the contents may be set to any.
    bool is_touched(DirectoryNumber dir, const std::string& name, const NodeIdentity& was) {
        const auto is_later = [&](const FileTime& time) {
            return time.seconds != since_.seconds ? time.seconds > since_.seconds
                                                  : time.nanoseconds > since_.nanoseconds;
        };
        std::vector<DirectoryNumber> left{directories_.add(dir, name)};
        for (bool is_top = true; !left.empty(); is_top = false) {
            auto opened = directories_.open(left.back());
            const auto number = left.back();
            left.pop_back();
            if (!opened) return true;
            const auto node = call([&] { return fs_.node(**opened); });
            if (!node) return true;
            if (is_later(node->changed) &&
                (is_top ? node->modified != was.modified : is_later(node->modified)))
                return true;
            auto names = call([&] { return fs_.read_directory(**opened); });
            if (!names) return true;
            for (const auto& inner : *names) {
                const auto there = call([&] { return fs_.node_at(**opened, inner.name.c_str()); });
                if (!there) return true;
                if (there->kind == NodeKind::directory)
                    left.push_back(directories_.add(number, inner.name));
                else if (is_later(there->changed) && is_later(there->modified))
                    return true;
            }
        }
        return false;
    }

    Result<void> forward(const RestoreOperation& step) {
        if (step.step == RestoreStep::metadata) {
            const auto set = set_metadata(step, step.metadata->wanted);
            if (!set) return set.error();
            return *set ? Result<void>{} : changed_meanwhile();
        }
        auto dir = directories_.open(step.dir);
        if (!dir) {
            if (is_gone(dir.error())) return changed_meanwhile();
            return dir.error();
        }
        auto there = look(**dir, step.name);
        if (!there) return there.error();
        const auto number = std::to_string(step.number);
        // After a crash it may have been at hand for long.
        const auto may_go = [&] {
            return *there == step.before && (!skips_changed_ || !step.before.is_directory ||
                                             !is_touched(step.dir, step.name, step.before));
        };
        const auto open_to_move = [&]() -> Result<void> {
            if (!is_closed(step.before)) return {};
            return set_mode(**dir, step.name, step.before.mode | 0700);
        };
        if (step.step == RestoreStep::remove) {
            if (!*there && skips_changed_) return {};
            if (!may_go()) return changed_meanwhile();
            if (auto opened = open_to_move(); !opened) return opened;
            return move(**dir, step.name, removed_, number);
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
        } else if (step.step == RestoreStep::replace && may_go()) {
            if (auto opened = open_to_move(); !opened) return opened;
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
        const auto number = std::to_string(step.number);
        auto exchanged = look(staged_, number);
        if (!exchanged) return exchanged.error();
        auto out = look(removed_, number);
        if (!out) return out.error();
        const bool is_out =
            step.step != RestoreStep::create && (*out == step.before || *exchanged == step.before);
        const bool is_in = step.step != RestoreStep::remove && *exchanged != step.staged;
        const bool was_closed = step.step != RestoreStep::create && is_closed(step.before);
        if (!is_out && !is_in && !was_closed) return {};  // it was not done, or is undone
        auto dir = directories_.open(step.dir);
        if (!dir) {
            if (is_gone(dir.error())) return is_out ? strand() : Result<void>{};
            return dir.error();
        }
        auto there = look(**dir, step.name);
        if (!there) return there.error();
        if (is_in && *there == step.staged) {
            if (step.staged.is_directory && is_touched(step.dir, step.name, step.staged))
                return is_out ? strand() : changed_meanwhile();
            const bool is_exchanged = *exchanged == step.before;
            auto back = move(**dir, step.name, staged_, number,
                             is_exchanged ? MoveMode::exchange : MoveMode::no_replace);
            if (!back) return back;
            there = is_exchanged ? Seen{step.before} : Seen{};
        }
        if (is_out && *there != step.before) {
            if (*there) return strand();
            const auto from = *out == step.before ? removed_ : staged_;
            if (auto back = move(from, number, **dir, step.name); !back) return back;
            there = Seen{step.before};
        }
        if (!was_closed || *there != step.before) return {};
        return set_mode(**dir, step.name, step.before.mode);
    }

    /// Whether its owner may not take it out of its directory, which changes its `..`.
    static bool is_closed(const NodeIdentity& node) noexcept {
        return node.is_directory && (node.mode & 0200) == 0;
    }
    Result<void> set_mode(FileHandle dir, const std::string& name, std::uint32_t mode) {
        auto opened = call([&] { return fs_.open_directory_at(dir, name.c_str()); });
        if (!opened) return opened.error();
        auto set = call([&] { return fs_.set_mode(*opened, mode); });
        (void)fs_.close(*opened);
        if (!set && !is_refusal(set.error())) return set;
        return {};
    }

    /// Calls `f` with what stays, opened. False: it is gone, or something else.
    template <class F>
    Result<bool> with(const RestoreOperation& step, F&& f) {
        auto dir = directories_.open(step.dir);
        if (!dir) {
            if (is_gone(dir.error())) return false;
            return dir.error();
        }
        if (step.name.empty()) return f(**dir);
        auto file = call([&] { return fs_.open_at(**dir, step.name.c_str(), OpenMode::read); });
        if (!file) {
            if (is_gone(file.error())) return false;
            return file.error();
        }
        Result<bool> done = f(*file);
        (void)fs_.close(*file);
        return done;
    }
    Result<bool> set_metadata(const RestoreOperation& step, const TreeEntry& to) {
        return with(step, [&](FileHandle h) -> Result<bool> {
            auto now = call([&] { return fs_.node(h); });
            if (!now) return now.error();
            const auto& [wanted, before] = *step.metadata;
            const bool is_same =
                now->inode == step.before.inode &&
                (step.before.is_directory ||
                 (now->size == step.before.size &&
                  (now->modified == before.modified || now->modified == wanted.modified)));
            if (!is_same) return false;
            auto attributes = or_none(fs_.attributes(h));
            if (!attributes) return attributes.error();
            if (has_metadata(*now, *attributes, to)) return true;
            auto set = MetadataTarget<Fs>{fs_, h}.set(to, *now, *attributes, refused_);
            if (!set) return set.error();
            return true;
        });
    }

    /// Directories in which their owner may not change names, from the top on; what they are to have
    /// in the end is set last.
    Result<void> open_up(const std::vector<RestoreOperation>& steps) {
        std::optional<Error> first;
        for (auto n = steps.size(); n-- > 0;) {
            const auto& step = steps[n];
            if (step.step != RestoreStep::metadata || !step.name.empty()) continue;
            const auto& [wanted, before] = *step.metadata;
            if ((before.mode & wanted.mode & 0700) == 0700) continue;
            auto opened = with(step, [&](FileHandle h) -> Result<bool> {
                auto set = call([&] { return fs_.set_mode(h, before.mode | 0700); });
                if (!set && !is_refusal(set.error())) return set.error();
                return true;
            });
            if (!opened && !first) first = opened.error();
        }
        if (first) return *first;
        return {};
    }

    Fs& fs_;
    DirectoryHandles<Fs>& directories_;
    FileHandle staged_;
    FileHandle removed_;
    FileTime since_;
    RefusedMetadata& refused_;
    std::uint64_t skipped_ = 0;
    bool has_stranded_ = false;
    bool skips_changed_ = false;
};

}  // namespace bobbin::pack::detail

#endif
