#ifndef BOBBIN_CORE_RESULT_HPP
#define BOBBIN_CORE_RESULT_HPP

#include <bobbin/core/error.hpp>

#include <cassert>
#include <concepts>
#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace bobbin {

/// A value or an `Error`: a subset of `std::expected<T, Error>` under the same names, so that
/// moving there later is mechanical. Errors convert implicitly: `return error;`.
template <class T>
class [[nodiscard]] Result {
public:
    using value_type = T;
    using error_type = Error;

    template <class U = T>
        requires(std::constructible_from<T, U &&> && !std::same_as<std::remove_cvref_t<U>, Result> &&
                 !std::same_as<std::remove_cvref_t<U>, Error>)
    constexpr Result(U&& value) noexcept(std::is_nothrow_constructible_v<T, U&&>)
        : state_{std::in_place_index<0>, std::forward<U>(value)} {}
    constexpr Result(Error error) noexcept : state_{std::in_place_index<1>, error} {}

    constexpr bool has_value() const noexcept { return state_.index() == 0; }
    constexpr explicit operator bool() const noexcept { return has_value(); }

    constexpr T& operator*() & noexcept { return *pointer(); }
    constexpr const T& operator*() const& noexcept { return *pointer(); }
    constexpr T&& operator*() && noexcept { return std::move(*pointer()); }
    constexpr T* operator->() noexcept { return pointer(); }
    constexpr const T* operator->() const noexcept { return pointer(); }

    constexpr const Error& error() const noexcept {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }

    template <class U>
    constexpr T value_or(U&& otherwise) const& {
        return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }
    template <class U>
    constexpr T value_or(U&& otherwise) && {
        return has_value() ? std::move(**this) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// `f(value)`, which gives a Result itself, or the error.
    template <class F>
    constexpr auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
        if (!has_value()) return error();
        return std::forward<F>(f)(std::move(**this));
    }
    /// `f(value)` in a Result, or the error.
    template <class F>
    constexpr auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
        if (!has_value()) return error();
        return std::forward<F>(f)(std::move(**this));
    }

private:
    constexpr T* pointer() noexcept {
        assert(has_value());
        return std::get_if<0>(&state_);
    }
    constexpr const T* pointer() const noexcept {
        assert(has_value());
        return std::get_if<0>(&state_);
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;
    using error_type = Error;

    constexpr Result() noexcept = default;
    constexpr Result(Error error) noexcept : error_{error} {}

    constexpr bool has_value() const noexcept { return !error_; }
    constexpr explicit operator bool() const noexcept { return has_value(); }
    constexpr void operator*() const noexcept { assert(has_value()); }
    constexpr const Error& error() const noexcept {
        assert(error_);
        return *error_;
    }
    /// The error with `on` as its subject where it names none.
    constexpr Result about(Subject on) const noexcept {
        return has_value() ? *this : Result{error_->about(on)};
    }

private:
    std::optional<Error> error_;
};

namespace detail {

/// `f()`, or the error of running out of memory.
template <class F>
auto without_throwing(Operation operation, F&& f) noexcept -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, operation};
    }
}

/// `f()`, for what can't be left half done: running out of memory ends the process. What was
/// acknowledged is safe, recovery does the rest.
template <class F>
decltype(auto) or_terminate(F&& f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        std::terminate();
    }
}

}  // namespace detail
}  // namespace bobbin

#endif
