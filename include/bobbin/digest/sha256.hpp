#ifndef BOBBIN_DIGEST_SHA256_HPP
#define BOBBIN_DIGEST_SHA256_HPP

#include <bobbin/digest/concept.hpp>

#include <openssl/evp.h>

#include <exception>
#include <memory>

namespace bobbin {

/// SHA-256 by OpenSSL, with the processor's instructions where it has them. Nobody can make two
/// contents with one digest, so it may decide what is a duplicate.
/// @allocates the state: for the first byte, and in `finish`; running out of memory there ends the process
/// @source FIPS 180-4
class Sha256 {
public:
    using policy_concept = digest_tag;
    static constexpr FormatId format_id{"sha256.v1"};
    static constexpr std::size_t size = 32;
    static constexpr bool is_collision_resistant = true;

    Sha256() = default;
    Sha256(const Sha256& other) : context_{copy(other.context_.get())} {}
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(const Sha256& other) {
        if (this != &other) context_ = copy(other.context_.get());
        return *this;
    }
    Sha256& operator=(Sha256&&) noexcept = default;
    ~Sha256() = default;

    void update(ByteView bytes) noexcept {
        if (bytes.empty()) return;
        if (!context_) context_ = begin();
        check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
    }

    std::array<std::byte, size> finish() const noexcept {
        // To finish ends a state, and this one may go on.
        const auto last = context_ ? copy(context_.get()) : begin();
        std::array<std::byte, size> out{};
        check(
            EVP_DigestFinal_ex(last.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr));
        return out;
    }

    /// Of `bytes` alone, with a state that the thread uses again: it allocates once.
    static std::array<std::byte, size> of(ByteView bytes) noexcept {
        thread_local const Context reused = begin();
        std::array<std::byte, size> out{};
        check(EVP_DigestInit_ex2(reused.get(), nullptr, nullptr));
        check(EVP_DigestUpdate(reused.get(), bytes.data(), bytes.size()));
        check(EVP_DigestFinal_ex(reused.get(), reinterpret_cast<unsigned char*>(out.data()),
                                 nullptr));
        return out;
    }

private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    };
    using Context = std::unique_ptr<EVP_MD_CTX, Free>;

    /// Looked up once: each implicit fetch would cost as much as a small chunk.
    static const EVP_MD* method() noexcept {
        static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        return fetched;
    }
    /// Only memory or an OpenSSL without SHA-256 can be missing, and no digest would be a wrong one.
    static void check(int answer) noexcept {
        if (answer != 1) std::terminate();
    }
    static Context begin() noexcept {
        Context context{EVP_MD_CTX_new()};
        check(context && EVP_DigestInit_ex2(context.get(), method(), nullptr) == 1);
        return context;
    }
    static Context copy(const EVP_MD_CTX* from) noexcept {
        if (!from) return {};
        Context context{EVP_MD_CTX_new()};
        check(context && EVP_MD_CTX_copy_ex(context.get(), from) == 1);
        return context;
    }

    Context context_;  ///< none before the first byte
};

static_assert(Digest<Sha256>);

}  // namespace bobbin

#endif
