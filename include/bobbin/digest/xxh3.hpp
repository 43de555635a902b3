#ifndef BOBBIN_DIGEST_XXH3_HPP
#define BOBBIN_DIGEST_XXH3_HPP

#include <bobbin/digest/concept.hpp>

#include <xxhash.h>

#include <exception>
#include <memory>

namespace bobbin {

/// XXH3 with 128 bits by xxHash: as fast as memory, and finds damage. For trusted content only:
/// anybody can make two contents with one digest, so it never decides what is a duplicate.
/// @allocates the state, for the first byte; running out of memory there ends the process
/// @source the specification of XXH3 in xxHash 0.8; the canonical, big-endian representation
class Xxh3 {
public:
    using policy_concept = digest_tag;
    static constexpr FormatId format_id{"xxh3-128.v1"};
    static constexpr std::size_t size = 16;
    static constexpr bool is_collision_resistant = false;

    Xxh3() = default;
    Xxh3(const Xxh3& other) : state_{copy(other.state_.get())} {}
    Xxh3(Xxh3&&) noexcept = default;
    Xxh3& operator=(const Xxh3& other) {
        if (this != &other) state_ = copy(other.state_.get());
        return *this;
    }
    Xxh3& operator=(Xxh3&&) noexcept = default;
    ~Xxh3() = default;

    void update(ByteView bytes) noexcept {
        if (bytes.empty()) return;
        if (!state_) {
            state_ = make();
            check(XXH3_128bits_reset(state_.get()) == XXH_OK);
        }
        check(XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()) == XXH_OK);
    }

    std::array<std::byte, size> finish() const noexcept {
        return state_ ? canonical(XXH3_128bits_digest(state_.get())) : of({});
    }

    /// Of `bytes` alone: needs no state.
    static std::array<std::byte, size> of(ByteView bytes) noexcept {
        return canonical(XXH3_128bits(bytes.data(), bytes.size()));
    }

private:
    struct Free {
        void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
    };
    using State = std::unique_ptr<XXH3_state_t, Free>;

    static void check(bool went_well) noexcept {
        if (!went_well) std::terminate();
    }
    static State make() noexcept {
        State state{XXH3_createState()};
        check(state != nullptr);
        return state;
    }
    static State copy(const XXH3_state_t* from) noexcept {
        if (!from) return {};
        auto state = make();
        XXH3_copyState(state.get(), from);
        return state;
    }
    static std::array<std::byte, size> canonical(XXH128_hash_t hash) noexcept {
        XXH128_canonical_t bytes;
        XXH128_canonicalFromHash(&bytes, hash);
        std::array<std::byte, size> out{};
        for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(bytes.digest[i]);
        return out;
    }

    State state_;  ///< none before the first byte
};

static_assert(Digest<Xxh3>);

}  // namespace bobbin

#endif
