// os and log: the node's clock and its log, as far as scripts may see them. Times are UTC.

#include <chrono>
#include <cstdint>
#include <string>

#include <lauxlib.h>

#include "cacheismo/lua/library.h"
#include "cacheismo/lua/run.h"

namespace cacheismo::lua {
namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t year_max = 9999;  // as far as std::chrono and four digits go, both ways
constexpr std::int64_t seconds_max = 253'402'300'799;  // the end of 9999
constexpr std::int64_t seconds_min = -62'167'219'200;  // the beginning of year 0

// ---- Dates --------------------------------------------------------------------------------------

struct Date {
  std::int64_t year;
  int month;  // from 1
  int day;
  int hour;
  int minute;
  int second;
  int weekday;   // from Sunday, 0
  int year_day;  // from 0
};

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

std::int64_t days_until(std::int64_t year, int month, int day) {
  namespace chrono = std::chrono;
  const auto date = chrono::year(static_cast<int>(year)) / month / day;
  return chrono::sys_days(date).time_since_epoch().count();
}

Date date_of(std::int64_t seconds) {
  namespace chrono = std::chrono;
  const std::int64_t days = floor_div(seconds, day_seconds);
  const auto rest = static_cast<int>(seconds - days * day_seconds);
  const chrono::sys_days at{chrono::days(days)};
  const chrono::year_month_day date(at);
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .hour = rest / 3600,
          .minute = rest / 60 % 60,
          .second = rest % 60,
          .weekday = static_cast<int>(chrono::weekday(at).c_encoding()),
          .year_day = static_cast<int>(days - days_until(static_cast<int>(date.year()), 1, 1))};
}

std::string digits(std::int64_t number, std::size_t width, char fill = '0') {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), fill) + text : text;
}

constexpr const char* weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday"};
constexpr const char* months[] = {"January",   "February", "March",    "April",
                                  "May",       "June",     "July",     "August",
                                  "September", "October",  "November", "December"};

/// One conversion of strftime in the C locale; false: there is none of this letter.
bool append_conversion(std::string& text, char conversion, const Date& date, std::int64_t seconds) {
  const auto all = [&](const char* conversions) {
    for (; *conversions != 0; ++conversions)
      if (*conversions == '%') {
        append_conversion(text, *++conversions, date, seconds);
      } else {
        text += *conversions;
      }
  };
  switch (conversion) {
    case 'a': text += std::string(weekdays[date.weekday]).substr(0, 3); break;
    case 'A': text += weekdays[date.weekday]; break;
    case 'b':
    case 'h': text += std::string(months[date.month - 1]).substr(0, 3); break;
    case 'B': text += months[date.month - 1]; break;
    case 'c': all("%a %b %e %H:%M:%S %Y"); break;
    case 'd': text += digits(date.day, 2); break;
    case 'D':
    case 'x': all("%m/%d/%y"); break;
    case 'e': text += digits(date.day, 2, ' '); break;
    case 'F': all("%Y-%m-%d"); break;
    case 'H': text += digits(date.hour, 2); break;
    case 'I': text += digits((date.hour + 11) % 12 + 1, 2); break;
    case 'j': text += digits(date.year_day + 1, 3); break;
    case 'm': text += digits(date.month, 2); break;
    case 'M': text += digits(date.minute, 2); break;
    case 'n': text += '\n'; break;
    case 'p': text += date.hour < 12 ? "AM" : "PM"; break;
    case 'r': all("%I:%M:%S %p"); break;
    case 'R': all("%H:%M"); break;
    case 's': text += std::to_string(seconds); break;
    case 'S': text += digits(date.second, 2); break;
    case 't': text += '\t'; break;
    case 'T':
    case 'X': all("%H:%M:%S"); break;
    case 'u': text += digits((date.weekday + 6) % 7 + 1, 1); break;
    case 'w': text += digits(date.weekday, 1); break;
    case 'y': text += digits((date.year % 100 + 100) % 100, 2); break;
    case 'Y': text += std::to_string(date.year); break;
    case 'z': text += "+0000"; break;
    case 'Z': text += "UTC"; break;
    case '%': text += '%'; break;
    default: return false;
  }
  return true;
}

void set_number(lua_State* lua, const char* name, std::int64_t value) {
  lua_pushinteger(lua, value);
  lua_setfield(lua, -2, name);
}

void push_date_table(lua_State* lua, const Date& date) {
  lua_createtable(lua, 0, 9);
  set_number(lua, "year", date.year);
  set_number(lua, "month", date.month);
  set_number(lua, "day", date.day);
  set_number(lua, "hour", date.hour);
  set_number(lua, "min", date.minute);
  set_number(lua, "sec", date.second);
  set_number(lua, "wday", date.weekday + 1);
  set_number(lua, "yday", date.year_day + 1);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "isdst");
}

// ---- os -----------------------------------------------------------------------------------------

std::int64_t wall_seconds(lua_State* lua, const char* function) {
  refuse_if_pure(lua, function);
  return floor_div(run_of(lua).host.wall_ns(), 1'000'000'000);
}

/// A field of the table of os.time(); `missing` below -2^40 says that it may not be.
std::int64_t date_field(lua_State* lua, const char* name, std::int64_t missing) {
  lua_getfield(lua, 1, name);
  int is_integer = 0;
  std::int64_t value = lua_tointegerx(lua, -1, &is_integer);
  if (is_integer == 0) {
    if (!lua_isnil(lua, -1)) luaL_error(lua, "field '%s' is not an integer", name);
    if (missing < 0) luaL_error(lua, "field '%s' missing in date table", name);
    value = missing;
  }
  lua_pop(lua, 1);
  // Seconds of ten thousand years; what is added up below then fits many times.
  if (value < -seconds_max || value > seconds_max)
    luaL_error(lua, "field '%s' is out-of-bound", name);
  return value;
}

/// time() or time{year=, month=, day=, hour=12, min=0, sec=0}; fields may be above their ranges.
int time_of(lua_State* lua) {
  charge(lua, 1);
  if (lua_isnoneornil(lua, 1)) {
    lua_pushinteger(lua, wall_seconds(lua, "os.time"));
    return 1;
  }
  luaL_checktype(lua, 1, LUA_TTABLE);
  const std::int64_t month = date_field(lua, "month", -1) - 1;
  const std::int64_t year = date_field(lua, "year", -1) + floor_div(month, 12);
  if (year < 0 || year > year_max) return luaL_error(lua, "field 'year' is out-of-bound");
  const std::int64_t first =
      days_until(year, static_cast<int>(month - 12 * floor_div(month, 12)) + 1, 1);
  const std::int64_t days = first + date_field(lua, "day", -1) - 1;
  const std::int64_t seconds = date_field(lua, "hour", 12) * 3600 + date_field(lua, "min", 0) * 60 +
                               date_field(lua, "sec", 0);
  lua_pushinteger(lua, days * day_seconds + seconds);
  return 1;
}

/// date(format, seconds): as Lua's in the C locale, and always UTC.
int date(lua_State* lua) {
  std::size_t size = 0;
  const char* format = luaL_optlstring(lua, 1, "%c", &size);
  const std::int64_t seconds =
      lua_isnoneornil(lua, 2) ? wall_seconds(lua, "os.date") : luaL_checkinteger(lua, 2);
  if (seconds < seconds_min || seconds > seconds_max)
    return luaL_error(lua, "date result cannot be represented");
  charge(lua, 2 + static_cast<std::int64_t>(size));
  Bytes rest(format, size);
  if (rest.starts_with('!')) rest.remove_prefix(1);
  const Date fields = date_of(seconds);
  if (rest.starts_with("*t")) {
    push_date_table(lua, fields);
    return 1;
  }
  luaL_argcheck(lua, size <= 200, 1, "format is longer than 200 bytes");
  std::string text;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '%') {
      text += rest[i];
    } else if (++i == rest.size() || !append_conversion(text, rest[i], fields, seconds)) {
      text.clear();
      return luaL_argerror(lua, 1, "invalid conversion specifier");
    }
  }
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

/// Seconds since the node's start; while one call runs they stand still.
int clock_seconds(lua_State* lua) {
  charge(lua, 1);
  refuse_if_pure(lua, "os.clock");
  lua_pushnumber(lua, static_cast<double>(run_of(lua).host.monotonic_ns()) / 1e9);
  return 1;
}

// ---- log ----------------------------------------------------------------------------------------

template <Level level>
int log_text(lua_State* lua) {
  charge(lua, 8);
  luaL_checkany(lua, 1);
  push_text(lua, 1);
  Run& run = run_of(lua);
  if (run.log_lines > log_lines_max) return 0;
  if (run.log_lines++ == log_lines_max) {
    run.host.log(Level::warn, "script", "further lines of this call are dropped");
    return 0;
  }
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  run.host.log(level, "script", Bytes(text, size).substr(0, log_text_bytes_max));
  return 0;
}

}  // namespace

void open_os(lua_State* lua) {
  add_function(lua, "clock", clock_seconds);
  add_function(lua, "date", date);
  add_function(lua, "time", time_of);
}

void open_log(lua_State* lua) {
  add_function(lua, "debug", log_text<Level::debug>);
  add_function(lua, "info", log_text<Level::info>);
  add_function(lua, "warn", log_text<Level::warn>);
  add_function(lua, "error", log_text<Level::error>);
}

}  // namespace cacheismo::lua
