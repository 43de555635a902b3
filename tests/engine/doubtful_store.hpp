#ifndef BOBBIN_TESTS_ENGINE_DOUBTFUL_STORE_HPP
#define BOBBIN_TESTS_ENGINE_DOUBTFUL_STORE_HPP

#include <bobbin/store/memory.hpp>

#include <cerrno>
#include <utility>

namespace engine_tests {

using namespace bobbin;

/// Once, a commit happens, or does not, and nobody knows; while the store is down, nobody can ask.
struct DoubtfulStore : MemoryStore {
    class Transaction : public MemoryStore::Transaction {
    public:
        Transaction(MemoryStore::Transaction tx, DoubtfulStore& store)
            : MemoryStore::Transaction{std::move(tx)}, store_{&store} {}
        Result<void> commit() noexcept {
            if (std::exchange(store_->is_full, false)) return Error::system(ENOSPC, Operation::commit);
            const bool is_in_doubt = std::exchange(store_->doubt, false);
            if (!is_in_doubt || store_->happens)
                if (auto done = MemoryStore::Transaction::commit(); !done || !is_in_doubt) return done;
            store_->is_down = store_->is_down_after_doubt;
            auto error = Error::system(EIO, Operation::commit);
            error.category = ErrorKind::unknown_outcome;
            return error;
        }

    private:
        DoubtfulStore* store_;
    };
    Result<Transaction> begin(Durability = Durability::hard) noexcept {
        if (is_down) return Error::system(EIO, Operation::begin);
        auto tx = MemoryStore::begin();
        if (!tx) return tx.error();
        return Transaction{std::move(*tx), *this};
    }
    bool is_full = false;  ///< once, it has no room
    bool doubt = false;
    bool happens = true;
    bool is_down = false;
    bool is_down_after_doubt = false;
};

}  // namespace engine_tests

#endif
