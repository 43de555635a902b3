#ifndef BOBBIN_PACK_DETAIL_TREE_SAVER_HPP
#define BOBBIN_PACK_DETAIL_TREE_SAVER_HPP

#include <bobbin/pack/detail/entry_saver.hpp>
#include <bobbin/pack/detail/save_tasks.hpp>
#include <bobbin/pack/detail/staging_name.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// One save: a walk by many threads. Each directory is a frame. Its names are taken by batches, each
/// of which is done when its files were looked at and the directories beneath were saved. The thread
/// that does the last of these gives the entries of the batch to the node, in their order, and goes
/// on from there.
template <TreeFileSystem Fs, ChunkSink Sink, class Make, Chunker Cut>
class TreeSaver {
public:
    TreeSaver(Fs fs, Sink& sink, const SaveOptions& options, FileCache<Fs>* cache, Make make_codec,
              Cut cut)
        : state_{std::move(fs), options, cache}
        , sink_{sink}
        , make_codec_{std::move(make_codec)}
        , cut_{std::move(cut)} {}

    Result<SavedTree> run(const std::string& path) {
        if (state_.cache) state_.check_owners();
        if (auto begun = begin(path); !begun) return begun.error();
        {
            const auto wanted = state_.options.threads != 0 ? state_.options.threads
                                                            : std::thread::hardware_concurrency();
            const auto count = std::clamp(wanted, 1U, SaveOptions::most_threads);
            std::vector<std::jthread> threads;
            try {
                while (threads.size() + 1 < count) threads.emplace_back([this] { work(); });
            } catch (const std::system_error&) {
                // Those that are there do all of it.
            }
            work();
        }
        if (const auto error = tasks_.error()) return *error;
        if (state_.cache) state_.cache->publish(state_.owners());
        return SavedTree{std::move(root_entry_), state_.counts()};
    }

private:
    using C = std::invoke_result_t<Make&>;
    using Saver = EntrySaver<Fs, Sink, C, Cut>;
    using Frame = typename Saver::Frame;
    using Handles = FrameHandles<Frame, Fs>;
    using Task = SaveTask<Frame>;
    using Kind = typename Task::Kind;

    static constexpr std::size_t batch_size = 2048;  ///< names
    static constexpr std::size_t task_size = 64;     ///< files
    static constexpr std::string_view rules_name = ".bobbinignore";
    static constexpr std::string_view tag_name = "CACHEDIR.TAG";
    static constexpr std::string_view tag = "Signature: 8a477f597d28d172789f06886806bc55";

    struct Worker {
        Saver entries;
        IgnoreStack ignored;
        std::vector<std::uint64_t> way;  // numbers of the directories that `ignored` has entered
        bool has_root_rules = false;
        std::vector<std::byte> part;
        std::shared_ptr<Frame> current;  // of which a file is read
    };

    Result<void> begin(const std::string& path) {
        const auto handle = bobbin::detail::uninterrupted(
            [&] { return state_.fs.open_root(path.c_str(), RootMode::existing); });
        if (!handle) return handle.error();
        auto root = std::make_shared<Frame>(handles_);
        handles_.put(*root, *handle);  // and it is never given back, so that it stays open
        root->entry.name = "root";
        const auto status = state_.fs.node(*handle);
        if (!status) return status.error();
        root->status = *status;
        root->has_rules = !state_.options.rules.empty();
        state_.root_device = status->device;
        if (state_.cache) root->is_network = state_.cache->is_network(state_.fs, *handle);
        std::vector<Task> tasks;
        tasks.push_back({Kind::root, std::move(root), 0, 0, {}});
        tasks_.push(tasks);
        return {};
    }

    void work() noexcept {
        auto worked = bobbin::detail::without_throwing(Operation::read, [&]() -> Result<void> {
            Worker worker{Saver{state_, sink_, make_codec_(), cut_}, {}, {}, false, {}, {}};
            worker.entries.reader().set_helpers(
                [this] { return tasks_.is_wanted(); },
                [&](std::shared_ptr<RecordJob> job) {
                    // This thread's own task is not done yet, so that the batch is not either.
                    worker.current->pending.fetch_add(1, std::memory_order_relaxed);
                    std::vector<Task> tasks;
                    tasks.push_back({Kind::records, worker.current, 0, 0, std::move(job)});
                    tasks_.push(tasks);
                });
            for (const auto& rules : state_.options.rules)
                if (auto added = worker.ignored.add(rules); !added) return added;
            while (auto task = tasks_.pop()) {
                if (state_.options.stop.stop_requested())
                    return Error{Errc::stop_requested, Operation::read};
                if (auto done = do_task(worker, *task); !done) return done;
                worker.entries.tell_counts();
            }
            if (tasks_.error()) return {};
            auto flushed = worker.entries.flush();
            worker.entries.tell_counts();
            return flushed;
        });
        if (!worked) tasks_.fail(worked.error());
    }

    Result<void> do_task(Worker& worker, Task& task) {
        auto& frame = task.frame;
        switch (task.kind) {
            case Kind::root:
                if (auto listed = list(worker, *frame, nullptr); !listed) return listed;
                if (auto begun = begin_batch(worker, frame); !begun) return begun;
                break;
            case Kind::directory: {
                auto beneath = enter(worker, frame, frame->batch[task.first]);
                if (!beneath) break;
                if (auto begun = begin_batch(worker, beneath); !begun) return begun;
                frame = std::move(beneath);
                break;
            }
            case Kind::files:
                if (auto saved = save_files(worker, frame, task.first, task.last); !saved)
                    return saved;
                break;
            case Kind::records:
                if (auto added = worker.entries.reader().do_job(*task.job); !added) return added;
                task.job.reset();
        }
        return settle(worker, std::move(frame));
    }

    /// A task of the frame's batch is done. Where it was the last, the batch is, and perhaps the
    /// directory, which was a task of the one above.
    Result<void> settle(Worker& worker, std::shared_ptr<Frame> frame) {
        worker.current.reset();
        while (frame->pending.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            if (auto ended = end_batch(worker, *frame); !ended) return ended;
            if (frame->next != frame->names.size()) {
                if (auto begun = begin_batch(worker, frame); !begun) return begun;
                continue;
            }
            if (auto ended = end_directory(worker, *frame); !ended) return ended;
            if (!frame->parent) {
                tasks_.finish();
                break;
            }
            frame = std::shared_ptr<Frame>{frame->parent};
        }
        return {};
    }

    /// The directory that a slot of `above` names; null: it can't be read, or is left out.
    std::shared_ptr<Frame> enter(Worker& worker, const std::shared_ptr<Frame>& above,
                                 SaveSlot& slot) {
        auto& fs = state_.fs;
        auto frame = std::make_shared<Frame>(handles_);
        frame->parent = above;
        frame->slot = &slot;
        frame->name = above->names[slot.name].name;
        frame->entry.name = frame->name;
        frame->number = ++directories_;
        frame->depth = above->depth + 1;
        frame->has_rules = above->has_rules;
        frame->is_network = above->is_network;
        const auto failed = [&](const Error& error) {
            worker.entries.tell(*above, frame->name, problem_of(error), error);
            return std::shared_ptr<Frame>{};
        };
        // No reader would follow.
        if (frame->depth > TreeLimits::depth)
            return failed(Error{Errc::not_supported, Operation::encode});
        {
            const auto outer = handles_.take(*above);
            if (!outer) return failed(outer.error());
            const typename Handles::Use use{handles_, *above};
            const auto handle = bobbin::detail::uninterrupted(
                [&] { return fs.open_directory_at(*outer, frame->name.c_str()); });
            if (!handle) return failed(handle.error());
            handles_.put(*frame, *handle);
        }
        const typename Handles::Use use{handles_, *frame};
        const auto status = fs.node(frame->handle);
        if (!status) return failed(status.error());
        frame->status = *status;
        const auto& left_out = state_.options.left_out;
        if (std::ranges::find(left_out, SaveOptions::Node{status->device, status->inode}) !=
            left_out.end())
            return nullptr;
        if (state_.cache && status->device != above->status.device)
            frame->is_network = state_.cache->is_network(fs, frame->handle);
        if (auto listed = list(worker, *frame, &slot); !listed) return failed(listed.error());
        return frame;
    }

    /// All that is to be known of a directory before its names are looked at.
    /// @errors of the file system
    Result<void> list(Worker& worker, Frame& frame, SaveSlot* slot) {
        const auto& options = state_.options;
        worker.entries.describe(frame, slot);
        if (options.one_file_system && frame.status.device != state_.root_device) return {};
        if (state_.cache) {
            if (frame.parent) frame.key = cache_key_of(frame.parent->key, frame.name);
            const auto range = state_.cache->find(frame.key);
            frame.cached.next = range.first;
            frame.cached.last = range.last;
        }
        if (!slot || !worker.entries.is_unchanged(frame, *slot) || !take_last_names(frame)) {
            auto names = state_.fs.read_directory(frame.handle);
            if (!names) return names.error();
            frame.names = *std::move(names);
            std::ranges::sort(frame.names, {}, &DirectoryName::name);
        }
        if (options.excludes_caches && has_tag(frame))
            frame.is_partial = std::erase_if(frame.names, [](const auto& listed) {
                                   return listed.name != tag_name;
                               }) != 0;
        if (options.reads_ignore_files) read_rules(worker, frame);
        return {};
    }

    /// The names of a directory that has not changed, where the last save found all of them.
    bool take_last_names(Frame& frame) {
        const auto* const part = frame.cached.whole(*state_.cache);
        if (!part) return false;
        frame.names.reserve(part->entries().size());
        for (const auto& entry : part->entries()) {
            const auto kind = entry.kind == EntryKind::directory ? NodeKind::directory
                              : entry.kind == EntryKind::symlink ? NodeKind::symlink
                                                                 : NodeKind::file;
            frame.names.push_back({std::string{entry.name}, entry.stamp.inode, kind});
        }
        return true;
    }

    /// Up to `most` bytes of a file of the directory; null: there is none of that name.
    Result<std::optional<std::string>> read_small(Frame& frame, std::string_view name,
                                                  std::size_t most) {
        auto& fs = state_.fs;
        const auto at = std::ranges::lower_bound(frame.names, name, {}, &DirectoryName::name);
        const bool may_be = at != frame.names.end() && at->name == name &&
                            (at->kind == NodeKind::file || at->kind == NodeKind::unknown);
        if (!may_be) return std::optional<std::string>{};
        const auto handle = bobbin::detail::uninterrupted(
            [&] { return fs.open_at(frame.handle, at->name.c_str(), OpenMode::read); });
        if (!handle) {
            // A symlink, where the directory did not tell.
            if (handle.error().is_errno(ELOOP)) return std::optional<std::string>{};
            return handle.error();
        }
        const File<Fs> file{fs, *handle};
        const auto status = fs.node(*handle);
        if (!status) return status.error();
        if (status->kind != NodeKind::file) return std::optional<std::string>{};
        std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(status->size, most)),
                         '\0');
        const auto got = file.read_at(std::as_writable_bytes(std::span{text}), 0);
        if (!got) return got.error();
        text.resize(*got);
        return std::optional{std::move(text)};
    }

    bool has_tag(Frame& frame) {
        const auto text = read_small(frame, tag_name, tag.size());
        return text && *text == tag;
    }

    void read_rules(Worker& worker, Frame& frame) {
        const auto failed = [&](const Error& error) {
            worker.entries.tell(frame, rules_name, SaveProblemKind::rules_unreadable, error);
        };
        auto text = read_small(frame, rules_name, IgnoreRules::largest_file + 1);
        if (!text) return failed(text.error());
        if (!*text) return;
        auto rules = IgnoreRules::parse(**std::move(text));
        if (!rules) return failed(rules.error());
        if (rules->empty()) return;
        frame.rules = std::make_shared<const IgnoreRules>(*std::move(rules));
        frame.has_rules = true;
    }

    /// Where the worker is asked what is ignored: it goes from one directory to the next.
    Result<void> go_to(Worker& worker, const Frame& frame) {
        std::vector<const Frame*> down;
        const auto* at = &frame;
        for (; at->parent; at = at->parent.get()) {
            if (at->depth <= worker.way.size() && worker.way[at->depth - 1] == at->number) break;
            down.push_back(at);
        }
        for (; worker.way.size() > at->depth; worker.way.pop_back()) worker.ignored.leave();
        if (!at->parent && at->rules && !std::exchange(worker.has_root_rules, true))
            if (auto added = worker.ignored.add(at->rules); !added) return added;
        for (; !down.empty(); down.pop_back()) {
            const auto& next = *down.back();
            if (auto entered = worker.ignored.enter(next.name); !entered) return entered;
            worker.way.push_back(next.number);
            if (!next.rules) continue;
            if (auto added = worker.ignored.add(next.rules); !added) return added;
        }
        return {};
    }

    /// Takes the next names, and makes tasks of them; some are done here. One is left for `settle`.
    Result<void> begin_batch(Worker& worker, const std::shared_ptr<Frame>& shared) {
        auto& frame = *shared;
        const auto first = frame.next;
        frame.next = std::min(first + batch_size, frame.names.size());
        frame.cached.begin();
        frame.batch.clear();
        frame.batch.reserve(frame.next - first);
        frame.order.clear();
        if (frame.has_rules)
            if (auto went = go_to(worker, frame); !went) return went;
        std::vector<Task> tasks;
        for (auto i = first; i != frame.next; ++i) {
            auto& listed = frame.names[i];
            if (listed.kind == NodeKind::unknown && !find_kind(worker, frame, listed)) continue;
            const bool is_directory = listed.kind == NodeKind::directory;
            if (is_directory && is_staging_name(listed.name)) {
                worker.entries.tell(frame, listed.name, SaveProblemKind::unfinished_restore);
                continue;
            }
            if (frame.has_rules && worker.ignored.is_ignored(listed.name, is_directory)) continue;
            if (!frame.parent && listed.name == restore_staging_name) {
                worker.entries.tell(frame, listed.name, SaveProblemKind::reserved_name);
                continue;
            }
            SaveSlot slot;
            slot.name = static_cast<std::uint32_t>(i);
            if (state_.cache) slot.cached = frame.cached.find(*state_.cache, listed.name);
            if (is_directory)
                tasks.push_back({Kind::directory, shared, frame.batch.size(), 0, {}});
            else
                frame.order.push_back(static_cast<std::uint32_t>(frame.batch.size()));
            frame.batch.push_back(std::move(slot));
        }
        // As they lie on the disk.
        std::ranges::sort(frame.order, {}, [&](std::uint32_t slot) {
            return frame.names[frame.batch[slot].name].inode;
        });
        std::ranges::reverse(tasks);
        const auto own = std::min(task_size, frame.order.size());
        for (auto last = frame.order.size(); last > own;) {
            const auto begin = own + (last - own - 1) / task_size * task_size;
            tasks.push_back({Kind::files, shared, begin, last, {}});
            last = begin;
        }
        frame.pending.store(tasks.size() + 1, std::memory_order_relaxed);
        if (!tasks.empty()) tasks_.push(tasks);
        return save_files(worker, shared, 0, own);
    }

    bool find_kind(Worker& worker, Frame& frame, DirectoryName& listed) {
        const auto dir = handles_.take(frame);
        if (!dir) {
            worker.entries.tell(frame, listed.name, problem_of(dir.error()), dir.error());
            return false;
        }
        const typename Handles::Use use{handles_, frame};
        const auto status = state_.fs.node_at(*dir, listed.name.c_str());
        if (!status) {
            worker.entries.tell(frame, listed.name, problem_of(status.error()), status.error());
            return false;
        }
        listed.kind = status->kind;
        listed.inode = status->inode;
        return true;
    }

    Result<void> save_files(Worker& worker, const std::shared_ptr<Frame>& shared, std::size_t first,
                            std::size_t last) {
        if (first == last) return {};
        auto& frame = *shared;
        worker.current = shared;
        const auto dir = handles_.take(frame);
        if (!dir) {
            for (auto i = first; i != last; ++i)
                worker.entries.tell(frame, frame.names[frame.batch[frame.order[i]].name].name,
                                    problem_of(dir.error()), dir.error());
            return {};
        }
        const typename Handles::Use use{handles_, frame};
        for (auto i = first; i != last; ++i)
            if (auto saved = worker.entries.save(frame, *dir, frame.batch[frame.order[i]]); !saved)
                return saved;
        return {};
    }

    Result<void> end_batch(Worker& worker, Frame& frame) {
        if (state_.cache) record(worker, frame);
        if (!frame.has_content) {
            for (const auto& slot : frame.batch) {
                if (!slot.is_kept) continue;
                if (auto added = frame.node.add(worker.entries.nodes(), frame.names[slot.name].name,
                                                slot.encoded);
                    !added)
                    return added;
            }
        }
        frame.batch.clear();
        return {};
    }

    /// Writes the batch down for the next save. Where it is all of the directory, and nothing has
    /// changed, neither has the node.
    void record(Worker& worker, Frame& frame) {
        auto& part = worker.part;
        CachedPart::begin(part);
        bool is_suspect = false;
        bool is_whole = !frame.is_partial && frame.batch.size() == frame.names.size();
        for (const auto& slot : frame.batch) {
            is_suspect = is_suspect || slot.is_suspect;
            if (!slot.is_kept || !slot.is_recordable)
                is_whole = false;
            else if (!slot.record.empty())
                put_bytes(part, slot.record);
            else
                CachedPart::append_to(part, slot.stamp, slot.encoded);
        }
        CachedPart::end(part, is_whole);
        std::optional<std::size_t> same;
        for (const auto& [place, old] : frame.cached.parts)
            if (as_text(old->bytes()) == as_text(part)) same = place;
        if (same && is_whole && frame.slot)
            frame.has_content = worker.entries.take_last_content(frame, *frame.slot);
        if (is_suspect) same.reset();
        state_.cache->put(frame.key, frame.batches++, part, same);
    }

    Result<void> end_directory(Worker& worker, Frame& frame) {
        if (!frame.has_content) {
            auto content = frame.node.finish(worker.entries.nodes());
            if (!content) return content.error();
            frame.entry.content = *std::move(content);
        }
        ++worker.entries.counts().directories;
        if (frame.parent)
            worker.entries.keep(*frame.parent, *frame.slot, frame.entry, frame.status,
                                frame.is_recordable);
        else
            root_entry_ = std::move(frame.entry);
        handles_.close(frame);
        return {};
    }

    SaveState<Fs> state_;
    Sink& sink_;
    Make make_codec_;
    Cut cut_;
    Handles handles_{state_.fs};
    std::atomic<std::uint64_t> directories_{0};
    TreeEntry root_entry_;
    SaveTasks<Task> tasks_;  // the last, as its frames need what is above
};

}  // namespace bobbin::pack::detail

#endif
