#ifndef BOBBIN_TESTS_ENGINE_MUTANTS_HPP
#define BOBBIN_TESTS_ENGINE_MUTANTS_HPP

#include "mutant.hpp"

#include <bobbin/bobbin.hpp>
#include <bobbin/store/concept.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace engine_tests {

using namespace bobbin;

/// The file system behind the policies' backs.
inline thread_local std::function<Result<void>(FileHandle)> raw_sync;
inline thread_local std::function<void(ObjectId)> raw_remove;

/// What is done after the next step: a change of a transaction after the next change of it, all else
/// after the next call of a file or a directory, or the next commit.
inline thread_local std::function<void()> late, late_change;
inline void catch_up(std::function<void()>& slot) {
    if (slot) std::exchange(slot, {})();
}

/// Whether the living mutant spoils `step`, which came by just now.
inline bool is_spoilt(Step step) noexcept {
    if (!mutant || mutant->step != step) return false;
    ++mutant_hits;
    return true;
}

/// Takes a step, rightly or wrongly. `skipped` is the answer that a caller takes for success.
template <class Take, class Answer = Result<void>>
Answer take(Step step, Take taken, Answer skipped = {}, std::function<void()>& slot = late) {
    if (!is_spoilt(step)) {
        auto answer = taken();
        catch_up(slot);
        return answer;
    }
    switch (mutant->effect) {
        case Effect::skipped: return skipped;
        case Effect::doubled: (void)taken(); return taken();
        case Effect::late: break;
    }
    catch_up(slot);
    slot = [taken]() mutable { (void)taken(); };
    return skipped;
}

template <class Next>
class MutatedFile {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    explicit MutatedFile(Next next) : next_{std::make_shared<Next>(std::move(next))} {}

    Result<std::size_t> append(ByteView bytes) noexcept {
        return take(
            Step::append, [next = next_, bytes] { return next->append(bytes); },
            Result<std::size_t>{bytes.size()});
    }
    Result<void> flush() noexcept {
        return take(Step::flush, [next = next_] { return next->flush(); });
    }
    SyncResult sync() noexcept {
        auto synced = take(
            Step::sync_file, [next = next_] { return next->sync(); }, SyncResult::durable());
        if (!synced && is_spoilt(Step::trust_no_failed_sync) &&
            raw_sync(lowest_layer(*next_).handle()))
            return SyncResult::durable();
        return synced;
    }
    Result<void> close() noexcept {
        // What is late needs the file.
        if (late) return {};
        return take(Step::close_file, [next = next_] { return next->close(); });
    }
    Bytes size() const noexcept { return next_->size(); }
    Next& next_layer() noexcept { return *next_; }

private:
    std::shared_ptr<Next> next_;
};

/// A file that is cut back.
template <class File>
class MutatedCut {
public:
    explicit MutatedCut(File file) : file_{std::make_shared<File>(std::move(file))} {}

    Result<FileStatus> status() const noexcept { return file_->status(); }
    Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
        return file_->read_at(to, offset);
    }
    Result<void> truncate(Bytes size) noexcept {
        return take(Step::truncate, [file = file_, size] { return file->truncate(size); });
    }
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept {
        return take(Step::write_again,
                    [file = file_, copy = std::vector<std::byte>(bytes.begin(), bytes.end()),
                     offset] { return file->write_at(copy, offset); });
    }
    SyncResult sync() noexcept {
        return take(
            Step::sync_cut, [file = file_] { return file->sync(); }, SyncResult::durable());
    }

private:
    std::shared_ptr<File> file_;
};

template <FileSystem Fs>
class MutatedDirectory : public FsDirectory<Fs> {
public:
    using Base = FsDirectory<Fs>;
    explicit MutatedDirectory(Base base) noexcept : Base{std::move(base)} {}

    Result<MutatedCut<typename Base::File>> open_to_cut(ObjectId id) noexcept {
        auto file = Base::open_to_cut(id);
        if (!file) return file.error();
        return MutatedCut{std::move(*file)};
    }
    Result<void> remove(ObjectId id) noexcept {
        return take(Step::remove_file, [this, id] { return Base::remove(id); });
    }
    Result<void> write_identity(const DirectoryIdentity& identity) noexcept {
        if (!mutant || mutant->step != Step::write_identity || mutant->effect != Effect::late)
            return take(Step::write_identity,
                        [this, identity] { return Base::write_identity(identity); });
        // The directory is moved before the next step.
        return take(Step::write_identity,
                    [path = Base::path(), fs = Base::fs(), identity]() -> Result<void> {
                        auto directory = Base::open(path, RootMode::existing, fs);
                        if (!directory) return directory.error();
                        return directory->write_identity(identity);
                    });
    }
    Result<bool> exists(ObjectId id) const noexcept {
        return take(
            Step::probe, [this, id] { return Base::exists(id); }, Result<bool>{false});
    }
    Result<void> sync() noexcept {
        return take(Step::sync_directory, [this] { return Base::sync(); });
    }
};

template <MetadataStore S>
class MutatedStore : public S {
public:
    class Transaction : public S::Transaction {
    public:
        using Base = typename S::Transaction;
        Transaction(Base base, Durability durability) noexcept
            : Base{std::move(base)}
            , durability_{durability} {}

        Result<void> put(const ObjectRow& row) noexcept {
            if (row.state == ObjectState::growing && row.size.value != 0 &&
                is_spoilt(Step::write_mark))
                return {};
            const auto step = row.state == ObjectState::growing     ? Step::put_growing
                              : row.state == ObjectState::committed ? Step::put_committed
                                                                    : Step::put_garbage;
            return change(step, [this, row] { return Base::put(row); });
        }
        Result<void> put_piece(const Piece& piece) noexcept {
            if (mutant && mutant->step == Step::write_mark)
                if (auto row = Base::object(piece.object); row && !*row) return {};
            const bool drops = piece.bytes.empty();
            const auto step = piece.kind == PieceKind::index           ? Step::put_index
                              : piece.kind == PieceKind::block_digests ? Step::put_digests
                              : piece.kind == PieceKind::tail
                                  ? (drops ? Step::drop_tail : Step::put_tail)
                              : drops ? Step::drop_soft_mark
                                      : Step::put_soft_mark;
            return change(step, [this, piece] { return Base::put_piece(piece); });
        }
        Result<void> make_garbage(ObjectId id) noexcept {
            if (is_spoilt(Step::wait_for_garbage_row)) raw_remove(id);
            auto made = change(Step::make_garbage, [this, id] { return Base::make_garbage(id); });
            if (made && is_spoilt(Step::keep_garbage_row)) return Base::forget(id);
            return made;
        }
        Result<void> forget(ObjectId id) noexcept {
            return change(Step::forget, [this, id] { return Base::forget(id); });
        }
        Result<void> reserve(StreamId stream, DirectoryId directory, Sequence highest) noexcept {
            return change(Step::reserve,
                          [=, this] { return Base::reserve(stream, directory, highest); });
        }
        Result<void> complete_open(DirectoryId directory) noexcept {
            return change(Step::complete_open,
                          [=, this] { return Base::complete_open(directory); });
        }
        Result<void> commit() noexcept {
            // It is gone before the next step.
            auto self = std::make_shared<Base>(std::move(static_cast<Base&>(*this)));
            return take(durability_ == Durability::hard ? Step::commit : Step::soft_commit,
                        [self] { return self->commit(); });
        }

    private:
        /// Late, it does nothing once the transaction is gone.
        template <class Take>
        Result<void> change(Step step, Take taken) {
            return take(
                step,
                [alive = std::weak_ptr{alive_}, taken] {
                    return alive.expired() ? Result<void>{} : taken();
                },
                Result<void>{}, late_change);
        }

        Durability durability_;
        std::shared_ptr<char> alive_ = std::make_shared<char>();
    };

    explicit MutatedStore(S store) : S{std::move(store)} {}
    Result<Transaction> begin(Durability durability = Durability::hard) noexcept {
        let_go();
        const bool is_soft = durability == Durability::soft || is_spoilt(Step::commit_durably);
        auto tx = S::begin(is_soft ? Durability::soft : Durability::hard);
        if (!tx) return tx.error();
        return Transaction{std::move(*tx), durability};
    }
    Result<StreamId> stream(std::string_view name, StreamOptions options = {}) {
        let_go();
        return S::stream(name, options);
    }

private:
    /// One that waits for its commit holds the store.
    static void let_go() {
        if (mutant && (mutant->step == Step::commit || mutant->step == Step::soft_commit)) catch_up(late);
    }
};

}  // namespace engine_tests

#endif
