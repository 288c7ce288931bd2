#include "os/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "os/files.h"

namespace tatara::os {
namespace {

Environment WithPath() { return {{"PATH", "/nowhere:/usr/bin:/bin"}, {"NAME", "a b"}}; }

Result<CommandResult> Shell(const std::string& script) {
  return RunCommand({.argv = {"sh", "-c", script}, .environment = WithPath()});
}

std::string OutputOf(const std::string& script) {
  auto result = Shell(script);
  return result ? std::string(Trim(result->output)) : result.error().message;
}

TEST(Spawn, Program_InALaterFolderOfPath_IsFound) { EXPECT_EQ(OutputOf("echo $NAME"), "a b"); }

TEST(Spawn, ExitAndSignal_AreToldApart) {
  auto exit = Shell("exit 3"), killed = Shell("kill -KILL $$");
  ASSERT_TRUE(exit && killed);
  EXPECT_EQ(exit->exit.code, 3);
  EXPECT_FALSE(exit->exit.signalled);
  EXPECT_EQ(killed->exit.code, 128 + SIGKILL);
  EXPECT_TRUE(killed->exit.signalled);
}

TEST(Spawn, MissingProgram_IsAnErrorThatNamesIt) {
  for (const std::string program : {"no-such-program", "/no/such/program"}) {
    auto pid = Spawn({.argv = {program}, .environment = WithPath()});
    ASSERT_FALSE(pid);
    EXPECT_NE(pid.error().message.find(program), std::string::npos) << pid.error().message;
  }
}

TEST(Spawn, FileThatIsNoProgram_IsAnError) {
  EXPECT_FALSE(Spawn({.argv = {"/etc/passwd"}, .environment = {}}));
}

TEST(Spawn, MissingFolder_IsAnError) {
  EXPECT_FALSE(Spawn({.argv = {"true"}, .folder = "/no/such/folder", .environment = WithPath()}));
}

TEST(Spawn, Folder_IsTheWorkingFolder) {
  auto result = RunCommand({.argv = {"pwd"}, .folder = "/usr", .environment = WithPath()});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "/usr\n");
}

TEST(Spawn, Child_LeadsItsOwnSession) {
  EXPECT_EQ(OutputOf("test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo leads"), "leads");
}

TEST(Spawn, DescriptorsOfOurs_StayOurs) {
  const int ours = ::fcntl(0, F_DUPFD, 50);  // without CLOEXEC, as a library might open it
  ASSERT_GE(ours, 50);
  EXPECT_EQ(OutputOf("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3");  // 3 is the folder itself
  ::close(ours);
}

TEST(Spawn, BlockedSignals_AreFreeInTheChild) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  EXPECT_EQ(OutputOf("grep SigBlk /proc/self/status | cut -f2"), "0000000000000000");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Spawn, IgnoredSigpipe_EndsTheChildAgain) {
  auto* const before = ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(OutputOf("kill -PIPE $$; echo survived"), "");
  ::signal(SIGPIPE, before);
}

TEST(Spawn, StdinText_IsReadToItsEndHoweverLong) {
  auto result = RunCommand(
      {.argv = {"wc", "-c"}, .environment = WithPath(), .stdin_text = std::string(300'000, 'x')});
  ASSERT_TRUE(result);
  EXPECT_EQ(Trim(result->output), "300000");
}

TEST(Spawn, OneFileForBothStreams_IsAppendedTo) {
  const std::string path = "/tmp/tatara-process-test-" + std::to_string(ProcessId());
  for (const char* word : {"one", "two"}) {
    auto pid = Spawn({.argv = {"sh", "-c", std::string("echo ") + word + "; echo err >&2"},
                      .environment = WithPath(),
                      .stdout_path = path,
                      .stderr_path = path});
    ASSERT_TRUE(pid);
    EXPECT_EQ(Wait(*pid).code, 0);
  }
  EXPECT_EQ(*ReadFile(path), "one\nerr\ntwo\nerr\n");
  ASSERT_TRUE(RemoveFile(path));
}

}  // namespace
}  // namespace tatara::os
