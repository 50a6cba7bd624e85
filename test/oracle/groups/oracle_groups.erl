%% One node of a cluster that uses OTP's pg: reads one term a line, does it, and prints one line.
%%
%% A process is named by its key, which no two lives of a node share: node, number, serial and creation. `view` prints
%% what the node sees: all members, the local ones, the groups, and what its monitor of the scope has heard, summed up.
-module(oracle_groups).
-export([main/0]).

-define(SCOPE, oracle).

main() ->
    {ok, _} = pg:start(?SCOPE),
    {Ref, Groups} = pg:monitor_scope(?SCOPE),
    io:format("up~n"),
    loop(Ref, Groups, #{}).

loop(Ref, Heard, Pids) ->
    case io:read(standard_io, '') of
        {ok, {spawn, Name}} ->
            Pid = spawn(fun() -> receive never -> ok end end),
            io:format("~s~n", [key(Pid)]),
            loop(Ref, Heard, Pids#{Name => Pid});
        {ok, {join, Group, Names}} ->
            done(pg:join(?SCOPE, Group, of_names(Names, Pids))),
            loop(Ref, Heard, Pids);
        {ok, {leave, Group, Names}} ->
            done(pg:leave(?SCOPE, Group, of_names(Names, Pids))),
            loop(Ref, Heard, Pids);
        {ok, {'end', Name}} ->
            Pid = maps:get(Name, Pids),
            Monitor = monitor(process, Pid),
            exit(Pid, kill),
            receive {'DOWN', Monitor, _, _, _} -> done(ok) end,
            loop(Ref, Heard, Pids);
        {ok, {connect, Node}} ->
            done(net_kernel:connect_node(Node)),
            loop(Ref, Heard, Pids);
        {ok, {disconnect, Node}} ->
            erlang:disconnect_node(Node),
            gone(Node),
            loop(Ref, Heard, Pids);
        {ok, {gone, Node}} ->
            gone(Node),
            loop(Ref, Heard, Pids);
        {ok, view} ->
            Now = heard(Ref, Heard),
            Names = pg:which_groups(?SCOPE),
            print([[{Group, pg:get_members(?SCOPE, Group)} || Group <- Names],
                   [{Group, pg:get_local_members(?SCOPE, Group)} || Group <- pg:which_local_groups(?SCOPE)],
                   [{Group, []} || Group <- Names],
                   maps:to_list(Now)]),
            loop(Ref, Now, Pids);
        eof ->
            halt(0)
    end.

of_names([Name], Pids) -> maps:get(Name, Pids);
of_names(Names, Pids) -> [maps:get(Name, Pids) || Name <- Names].

done(Result) -> io:format("~w~n", [Result]).

%% Answers when the node is down here and the scope has heard of it.
gone(Node) ->
    case lists:member(Node, nodes()) of
        true -> timer:sleep(1), gone(Node);
        false -> sys:get_state(?SCOPE), done(ok)
    end.

heard(Ref, Heard) ->
    receive
        {Ref, join, Group, Pids} ->
            heard(Ref, Heard#{Group => maps:get(Group, Heard, []) ++ Pids});
        {Ref, leave, Group, Pids} ->
            case lists:foldl(fun drop/2, maps:get(Group, Heard, []), Pids) of
                [] -> heard(Ref, maps:remove(Group, Heard));
                Left -> heard(Ref, Heard#{Group => Left})
            end
    after 0 -> Heard
    end.

%% A leave of what is no member shows as a member that nobody has.
drop(Pid, Pids) ->
    case lists:member(Pid, Pids) of
        true -> lists:delete(Pid, Pids);
        false -> [stranger | Pids]
    end.

print(Parts) ->
    io:format("~s~n", [lists:join("|", [part(Part) || Part <- Parts])]).

part(Groups) ->
    lists:join(";", [[atom_to_list(Group), "=", lists:join(",", [key(Pid) || Pid <- Pids])] || {Group, Pids} <- Groups]).

key(stranger) -> "stranger";
key(Pid) ->
    Bytes = term_to_binary(Pid),
    <<Id:32, Serial:32, Creation:32>> = binary:part(Bytes, byte_size(Bytes) - 12, 12),
    io_lib:format("~s:~w:~w:~w", [node(Pid), Id, Serial, Creation]).
